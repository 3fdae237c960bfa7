"""``holdfast`` as a process of its own: imports, pipes, signals and servers that are not there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.limits import HANG_SECONDS

# Whoever runs the tests in the background has them, and what they start, ignore Ctrl-C.
HEEDS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
# Each test waits for a process of its own.
pytestmark = pytest.mark.slow

RUN = "import sys; from holdfast_client.cli import main; sys.exit(main())"


@pytest.fixture
def environment() -> dict[str, str]:
    """An environment that points to no Temporal and no profile file."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TEMPORAL_")}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }


def holdfast(
    environment: dict[str, str], *words: str, code: str = RUN
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def address_of(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_help_imports_neither_temporal_nor_asks_any_server(environment: dict[str, str]) -> None:
    code = (
        "import sys; from holdfast_client.cli import main; code = main();"
        "sys.exit(9 if 'temporalio' in sys.modules else code)"
    )
    assert holdfast(environment, "--help", code=code).returncode == 0


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_packages_one_line_says_what_to_install(
    environment: dict[str, str], missing: str
) -> None:
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec;"
        f"importlib.util.find_spec = lambda n, p=None: None if n == {missing!r} else real(n, p);"
        + RUN
    )
    ran = holdfast(environment, "status", "cart-1", code=code)
    assert ran.returncode == 2
    assert missing in ran.stderr
    assert ran.stderr.endswith("install holdfast-client[cli]\n")
    assert ran.stderr.count("\n") == 1


def test_a_process_with_temporals_threads_ends_before_the_interpreter_takes_itself_down(
    environment: dict[str, str],
) -> None:
    code = "import atexit, temporalio.client; atexit.register(print, 'taken down');" + RUN
    ran = holdfast(environment, "replay", "no-such-file.csv", "--json", code=code)
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"]["type"] == "OrderFileError"


def test_the_replay_engine_is_imported_without_typer_and_rich(environment: dict[str, str]) -> None:
    code = (
        "import sys; sys.modules['typer'] = sys.modules['rich'] = None;"
        "import holdfast_client.cli.replay.engine, holdfast_client.cli.orders.reading"
    )
    assert holdfast(environment, code=code).returncode == 0


def test_a_refused_connection_exits_with_3_and_says_where_nobody_answered(
    environment: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address_of(server)
    ran = holdfast(environment, "status", "cart-1", "--address", address, "--json")
    assert ran.returncode == 3
    error = json.loads(ran.stdout)["error"]
    assert error["type"] == "ServerUnreachable"
    assert address in error["message"]
    assert "Traceback" not in ran.stderr


def test_a_server_that_never_answers_exits_with_3_when_the_timeout_is_over(
    environment: dict[str, str], black_hole: socket.socket
) -> None:
    address = address_of(black_hole)
    ran = holdfast(environment, "status", "cart-1", "--address", address, "--timeout", "0.5")
    assert ran.returncode == 3
    assert address in ran.stderr


def test_ctrl_c_while_waiting_for_a_server_exits_with_130_and_no_traceback(
    environment: dict[str, str], black_hole: socket.socket
) -> None:
    words = ("status", "cart-1", "--address", address_of(black_hole), "--timeout", "50")
    with subprocess.Popen(
        [sys.executable, "-c", HEEDS_CTRL_C + RUN, *words],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        caller, _ = black_hole.accept()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=HANG_SECONDS)
        caller.close()
    assert running.returncode == 130
    assert "Traceback" not in said
    assert "interrupted" in said


def test_a_reader_that_closes_the_pipe_ends_it_without_a_traceback(
    environment: dict[str, str], tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("order,sku,qty\n1,MUG-01,2\n")
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-c", RUN, "replay", str(orders), "--write-stock", "stock.csv"],
        cwd=tmp_path,
        env=environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "stock.csv").exists()


def test_text_that_the_terminal_cannot_show_is_escaped(environment: dict[str, str]) -> None:
    ascii_only = environment | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ran = holdfast(ascii_only, "reserve", "cart-1", "Tässe")
    assert ran.returncode == 2
    assert "T\\xe4sse" in ran.stderr


def test_a_shell_completes_commands_and_statuses(environment: dict[str, str]) -> None:
    def completed(*words: str) -> set[str]:
        asked = {
            "_HOLDFAST_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("holdfast", *words)),
            "COMP_CWORD": str(len(words)),
        }
        return set(holdfast(environment | asked).stdout.split())

    assert completed("re") == {"refunds", "release", "reserve", "replay"}
    assert completed("list", "--status", "ex") == {"expired"}


def test_no_error_shows_the_insides_of_a_library(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = address_of(server)
    said = holdfast(environment, "status", "cart-1", "--address", address, "--timeout", "2").stderr
    assert "connection refused: nothing listens there" in said
    assert "tonic" not in said
