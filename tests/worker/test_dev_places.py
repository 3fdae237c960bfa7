"""Where `python -m worker dev` keeps its files and listens, and what it says where it cannot."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.limits import HANG_SECONDS
from tests.worker.conftest import ROOT, Operator
from tests.worker.test_dev import READY, developing

ANY_PORTS: Final = ("--temporal-port", "0", "--ui-port", "0")


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused(operator: Operator, data_dir: Path) -> str:
    """Return the one sentence by which a start in a directory is refused."""
    result = operator.run("dev", "--data-dir", str(data_dir), *ANY_PORTS)
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    assert str(data_dir) in result.stderr
    return result.stderr


def test_a_file_in_the_place_of_the_data_directory_is_told(operator: Operator, tmp_path: Path):
    place = tmp_path / "state"
    place.write_text("")
    assert "Move away the file that is in its place." in refused(operator, place)
    assert "Move away the file that is in its place." in refused(operator, place / "below")


def test_a_file_in_the_place_of_a_servers_directory_is_told(operator: Operator, data_dir: Path):
    data_dir.mkdir()
    (data_dir / "postgres").write_text("")
    assert "Move away the file that is in its place." in refused(operator, data_dir)


def test_a_data_directory_that_cannot_be_made_is_told(operator: Operator):
    # Nobody may make a directory here, not even root.
    assert "cannot be used: " in refused(operator, Path("/proc/holdfast"))


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ("ro", "Its file system is read-only; make it writable."),
        ("nr_inodes=1", "Its file system is full; make room."),
        # Full in the middle of making Postgres's files, of which Postgres tells.
        ("size=4m", "No space left on device"),
    ],
)
def test_a_file_system_that_takes_nothing_is_told(
    operator: Operator, tmp_path: Path, options: str, remedy: str
):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only who may mount file systems can have a full one")
    try:
        assert remedy in refused(operator, place / "state")
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("option", ["temporal", "ui", "database"])
def test_a_taken_port_is_told_with_the_words_that_choose_another(
    operator: Operator, data_dir: Path, taken_port: int, option: str
):
    ports = {"temporal": 0, "ui": 0, "database": 0, option: taken_port}
    words = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    result = operator.run("dev", "--data-dir", str(data_dir), *words)
    assert result.returncode == 3
    assert f"Port {taken_port} on 127.0.0.1 is in use" in result.stderr
    assert f"make dev {option.upper()}_PORT=0" in result.stderr
    assert f"--{option}-port 0" in result.stderr


def test_make_dev_passes_what_it_is_told_to_choose_on():
    words = ("UI_PORT=1", "TEMPORAL_PORT=2", "DATABASE_PORT=3", "DATA_DIR=some where")
    told = subprocess.run(
        ["make", "--dry-run", "--always-make", "dev", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    ).stdout.replace("\\\n", " ")
    command = re.sub(r"\s+", " ", told[told.index("-m worker dev") :])
    assert command.startswith(
        '-m worker dev --data-dir "some where" --temporal-port "2" --ui-port "1" '
        '--database-port "3"'
    )


def test_the_database_keeps_its_address_over_restarts_until_somebody_else_has_it(
    operator: Operator, data_dir: Path
):
    with developing(operator, data_dir) as (_, _, first):
        pass
    with developing(operator, data_dir) as (_, _, again):
        pass
    assert again == first
    port = int(re.search(r":(\d+)/", first)[1])  # type: ignore[index]
    with socket.create_server(("127.0.0.1", port)):
        process = operator.start("dev", "--data-dir", str(data_dir), *ANY_PORTS)
        assert process.stdout is not None
        ready = READY.match(process.stdout.readline().rstrip("\n"))
        process.terminate()
        _, told = process.communicate(timeout=HANG_SECONDS)
    assert ready, told
    assert ready[3] != first
    assert f"port {port}, which Postgres had before, is in use; it takes another" in told
