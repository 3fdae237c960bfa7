"""A fault that nobody foresaw: one line for the person, and the traceback where it is of use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from holdfast_client.cli import main as holdfast
from holdfast_client.cli.session import Settings
from holdfast_client.methods.reservations import Reservations
from holdfast_client.terminal.command_line import run
from worker.commands import serving
from worker.commands.command_line import _PROGRAM
from worker.logs import configure_logs

FILE = re.compile(r"where it happened is in (\S+), please report it$")


def _break() -> None:
    raise KeyError("nobody\nforesaw")


def _worker() -> int:
    return run(_PROGRAM, [])


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def _traceback_in(line: str) -> str:
    found = FILE.search(line)
    assert found, line
    assert Path(found[1]).stat().st_mode & 0o077 == 0
    return Path(found[1]).read_text()


def test_a_fault_in_an_operators_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    configure_logs("error", "text")
    monkeypatch.setattr(serving, "read_settings", _break)
    assert _worker() == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(r"a fault in Holdfast itself: KeyError: 'nobody\nforesaw'; ")
    assert "in _break" in _traceback_in(line)


def test_logs_for_machines_have_the_traceback_too_because_containers_lose_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    configure_logs("error", "json")
    monkeypatch.setattr(serving, "read_settings", _break)
    assert _worker() == 70
    logged, told = capsys.readouterr().err.splitlines()
    assert "in _break" in json.loads(logged)["exception"]
    assert "in _break" in _traceback_in(told)


def test_a_fault_in_the_clients_command_is_one_line_and_with_json_a_document(
    capsys: pytest.CaptureFixture[str],
):
    async def connect(_: Settings) -> Reservations:
        _break()
        raise AssertionError

    assert holdfast(["status", "cart-1", "--json"], connect=connect) == 70
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert "in _break" in _traceback_in(line)
    error = json.loads(captured.out)["error"]
    assert error["type"] == "Fault"
    assert "KeyError" in error["message"]


def test_a_fault_is_told_also_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], temporary: Path
):
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "nowhere"))
    monkeypatch.setattr(serving, "read_settings", _break)
    configure_logs("error", "text")
    assert _worker() == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert "where it happened could not be written" in line
