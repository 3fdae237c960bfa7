"""Two real Postgres servers, of which one follows the other and can take its place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import psycopg

from tests.connections.programs import owned_directory, program, run
from tests.embedded.processes import comes_true
from tests.limits import HANG_SECONDS
from worker.embedded.ports import LOOPBACK, choose_ports
from worker.embedded.server_process import ServerProcess
from worker.embedded.starting import start_server

_USER: Final = "holdfast"


class Server:
    """A Postgres with any of its versions' programs, on a port that stays the same.

    Args:
        programs: the folder of its programs.
        directory: of its files, not made yet.
    """

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._account = owned_directory(directory)
        (self.port,) = choose_ports([0])
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{self.at}/postgres"

    @property
    def at(self) -> str:
        """User, host and port."""
        return f"{_USER}@{LOOPBACK}:{self.port}"

    def make(self) -> None:
        """Make the files of a server that stands by itself. Everybody is trusted here."""
        self._run("initdb", "--username", _USER, "--auth=trust", "--encoding=UTF8", "--no-locale")

    def make_standby_of(self, primary: Server) -> None:
        """Make the files of a server that follows another, which must be running."""
        self._run(
            "pg_basebackup", "--dbname", primary.url, "--write-recovery-conf", "--checkpoint=fast"
        )

    def start(self) -> None:
        self._process = start_server(
            program("Postgres", self._command, self._directory, self._account),
            lambda _: self._answers(),
            threading.Event(),
        )

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it, with open connections cut; SIGQUIT is as a crash."""
        if self._process is not None:
            self._process.stop(number, seconds_max=HANG_SECONDS)
            self._process = None

    def follows_to(self, primary: Server) -> None:
        """Wait until everything that the primary has written is here, too."""
        (written,) = primary.ask("SELECT pg_current_wal_flush_lsn()")
        assert comes_true(
            lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == (True,)
        )

    def promote(self) -> None:
        """Make a standby the one that is written to."""
        assert self.ask("SELECT pg_promote()") == (True,)

    def fence(self) -> None:
        """Let it take no more writes, as a failover does where the old primary lives on."""
        self.ask("ALTER SYSTEM SET default_transaction_read_only = on")
        self.ask("SELECT pg_reload_conf()")
        assert comes_true(lambda: self.ask("SHOW transaction_read_only") == ("on",))

    def ask(self, query: str) -> tuple[Any, ...]:
        """Return the only row of a query, if it has one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return (cursor.fetchone() or ()) if cursor.description else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGQUIT)

    def _run(self, name: str, *options: str) -> None:
        run(
            [self._programs / name, *options, "--pgdata", self._directory],
            self._directory,
            self._account,
        )

    def _command(self) -> list[str | Path]:
        settings = {
            "port": self.port,
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
        }
        options = [word for pair in settings.items() for word in ("-c", "{}={}".format(*pair))]
        return [self._programs / "postgres", "-D", self._directory, *options]

    def _answers(self) -> bool:
        try:
            return bool(self.ask("SELECT 1"))
        except psycopg.OperationalError:
            return False


@contextmanager
def replicated(programs: Path, directory: Path) -> Iterator[tuple[Server, Server]]:
    """Run a primary and its standby."""
    with ExitStack() as stack:
        primary = stack.enter_context(Server(programs, directory / "primary"))
        primary.make()
        primary.start()
        standby = stack.enter_context(Server(programs, directory / "standby"))
        standby.make_standby_of(primary)
        standby.start()
        yield primary, standby
