"""The whole stack in the foreground: one ready line, state that stays, an orderly end."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from holdfast_client.client import ReservationClient
from holdfast_client.contract.outcomes import AdjustmentApplied, Fulfilled, Held
from tests.limits import HANG_SECONDS
from tests.worker.conftest import Operator

READY = re.compile(
    r"^ready temporal=(127\.0\.0\.1:\d+) ui=(http://127\.0\.0\.1:\d+) database=(\S+)$"
)


@contextmanager
def developing(
    operator: Operator, data_dir: Path
) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    words = ("dev", "--data-dir", str(data_dir), "--temporal-port", "0", "--ui-port", "0")
    process = operator.start(*words)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().rstrip("\n")
        match = READY.match(line)
        assert match, line or process.communicate()[1]
        yield process, match[1], match[3]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=HANG_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


async def test_open_holds_survive_a_stop_and_a_start_of_the_stack(
    operator: Operator, data_dir: Path
):
    with developing(operator, data_dir) as (_, address, database_url):
        client = await ReservationClient.connect(address, answer_timeout_seconds=HANG_SECONDS)
        applied = await client.adjust_stock("delivery-1", "MUG-01", "receive", 5)
        assert isinstance(applied, AdjustmentApplied)
        assert isinstance(await client.reserve("cart-1", [("MUG-01", 2)]), Held)
        assert "schema" not in database_url
    with developing(operator, data_dir) as (process, address, database_url):
        client = await ReservationClient.connect(address, answer_timeout_seconds=HANG_SECONDS)
        assert isinstance(await client.confirm("cart-1", "pay-1"), Fulfilled)
        with psycopg.connect(database_url) as link:
            row = link.execute("SELECT total, reserved FROM holdfast.stock_availability").fetchone()
        assert row == (3, 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_SECONDS) == 0


def test_a_second_stack_on_the_same_directory_is_refused_in_one_line(
    operator: Operator, data_dir: Path
):
    with developing(operator, data_dir):
        words = ("dev", "--data-dir", str(data_dir), "--temporal-port", "0", "--ui-port", "0")
        result = operator.run(*words)
    assert result.returncode == 3
    assert str(data_dir) in result.stderr
    assert "Traceback" not in result.stderr
