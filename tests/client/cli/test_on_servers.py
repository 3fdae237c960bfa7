"""``holdfast`` from end to end: its process, Temporal, a worker and Postgres, all of them real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.limits import HANG_SECONDS
from worker.embedded import EmbeddedTemporal

RUN = "import sys; from holdfast_client.cli import main; sys.exit(main())"
READY = "worker ready"

ORDERS = 40
STOCK = {"MUG-01": 60, "CUP-09": 1_000}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(
    new_directory: NewDirectory, postgres_url: str, template: str
) -> Iterator[dict[str, str]]:
    """An environment that points to a Temporal and a database that no other worker serves."""
    server = EmbeddedTemporal(new_directory("temporal"), ui_port=None)
    with server, fresh_database(postgres_url, template) as url:
        yield {
            **{name: text for name, text in os.environ.items() if "TEMPORAL" not in name},
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "TEMPORAL_ADDRESS": server.address,
            "HOLDFAST_DATABASE_URL": url,
        }


@pytest.fixture(scope="module")
def worker(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A worker process, from when it is ready until it has stopped, with stock to sell."""
    with subprocess.Popen(
        [sys.executable, "-m", "worker"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        while READY not in said:
            line = process.stderr.readline()
            assert line, f"the worker ended before it was ready:\n{said}"
            said += line
        path = tmp_path_factory.mktemp("stock") / "stock.csv"
        path.write_text("sku,quantity\n" + "".join(f"{s},{n}\n" for s, n in STOCK.items()))
        load = [sys.executable, "-m", "worker", "stock", "load", str(path)]
        subprocess.run(load, env=environment, check=True, timeout=HANG_SECONDS)
        yield
        process.terminate()
        process.communicate(timeout=HANG_SECONDS)


@pytest.fixture
def holdfast(environment: dict[str, str], worker: None) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", RUN, *words]
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )

    return run


def document(ran: subprocess.CompletedProcess[str], code: int = 0) -> Any:
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def test_a_checkout_is_reserved_extended_and_paid(holdfast: Run) -> None:
    words = ("cart-1", "CUP-09=2", "--customer", "u-1")
    held = document(holdfast("reserve", *words, "--json"))
    assert held["lines"] == [{"sku": "CUP-09", "location": "main", "quantity": 2}]
    extended = document(holdfast("extend", "cart-1", "60", "--actor", "sam", "--json"))
    assert extended["expires_at"] > held["expires_at"]
    paid = document(holdfast("confirm", "cart-1", "pay-1", "--json"))
    assert (paid["status"], paid["payment_reference"]) == ("fulfilled", "pay-1")
    again = document(holdfast("reserve", *words, "--json"))
    assert again == paid
    report = document(holdfast("status", "cart-1", "--json"))
    assert report["status"] == "fulfilled"


def test_refusals_of_the_real_servers_exit_with_1(holdfast: Run) -> None:
    denied = document(holdfast("reserve", "cart-2", "CUP-09=5000", "--json"), 1)
    assert denied["shortages"][0]["reason"] == "insufficient"
    conflict = document(holdfast("reserve", "cart-2", "CUP-09=1", "--json"), 1)
    assert conflict["error"]["type"] == "CheckoutConflict"
    unknown = document(holdfast("status", "cart-3", "--json"), 1)
    assert unknown["error"]["type"] == "CheckoutNotFound"
    refused = document(holdfast("adjust", "adj-1", "NO-SUCH", "count", "1", "--json"), 1)
    assert (refused["status"], refused["reason"]) == ("refused", "unknown_sku")


def test_a_replay_ends_every_order_and_every_invariant_holds(
    holdfast: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    rows = "".join(f"{number},MUG-01,2,u-{number}\n" for number in range(ORDERS))
    orders.write_text("order,sku,qty,customer\n" + rows)
    words = ("replay", str(orders), "--hold", "2", "--abandon", "0.2", "--cancel", "0.2")
    report = document(holdfast(*words, "--json"))
    ends = ("denied", "fulfilled", "cancelled", "expired")
    assert sum(report[end] for end in ends) == report["orders"] == ORDERS
    assert report["open"] == report["unknown"] == report["failed"] == 0
    assert 0 < report["units_fulfilled"] <= STOCK["MUG-01"]
    audit = subprocess.run(
        [sys.executable, "-m", "worker", "audit"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert audit.returncode == 0, audit.stdout
