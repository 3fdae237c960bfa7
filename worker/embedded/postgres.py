"""A real Postgres 18 of our own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, Self

import psycopg
from psycopg import sql

from worker.embedded.accounts import server_account
from worker.embedded.directory_lock import DirectoryLock
from worker.embedded.errors import DataDirectoryUnusable, EmbeddedServerError
from worker.embedded.kept_port import KeptPort
from worker.embedded.leftovers import is_server_of, stop_leftover
from worker.embedded.ports import LOOPBACK, checked_port, choose_ports
from worker.embedded.postgres_cluster import (
    USER,
    PostgresCluster,
    postgres_environment,
    postgres_program,
)
from worker.embedded.server_process import Program, ServerProcess
from worker.embedded.starting import start_server

DATABASE: Final = "holdfast"
_PROGRAM_NAME: Final = "postgres"
_STOP_SECONDS_MAX: Final = 30.0
_CONNECT_SECONDS_MAX: Final = 10
_MAKES_LARGE_OBJECTS: Final = ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)")
_STOP_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

# Sized for two cores. Durability is as a shop needs it: never switch fsync, synchronous_commit or
# full_page_writes off, here or in tests, because surviving a crash is what the tests are about.
_SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
}


class EmbeddedPostgres:
    """A Postgres on the loopback address, with its files, password and log under one directory.

    Args:
        data_dir: made if need be; one program at a time may use it.
        port: 1 to 65,535; 0 takes any free one, which then stays for later starts in this
            directory: another is taken, and announced, only where somebody else has it by then.
        announce: told what is going on, in a few words.
        given_up: once set, by any thread, a start ends at once with StartGivenUp.

    Not safe for use by several threads at once.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        announce: Callable[[str], None] = lambda _: None,
        given_up: threading.Event | None = None,
    ) -> None:
        self._directory = data_dir.resolve()
        self._port = checked_port(port)
        self._announce = announce
        self._given_up = given_up or threading.Event()
        self._kept_port = KeptPort(self._directory)
        self._lock = DirectoryLock(self._directory)
        self._cluster: PostgresCluster | None = None
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """``postgresql://user:password@127.0.0.1:port/holdfast``, known from the first start on."""
        return self._url(USER, self._started_cluster().password)

    def login_url(self, role: str) -> str:
        """Return the URL of a role that may log in and, until it is granted more, no more.

        Made if need be, with a password that is kept beside the superuser's. The server must run.

        Raises:
            EmbeddedServerError: the role could not be made.
        """
        password = self._started_cluster().password_of(role)
        try:
            with psycopg.connect(self.url, connect_timeout=_CONNECT_SECONDS_MAX) as connection:
                _make_role(connection, role, password)
        except psycopg.Error as error:
            raise EmbeddedServerError(f"The role {role} could not be made: {error}") from error
        return self._url(role, password)

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster; None unless it was started and runs."""
        process = self._process
        return process.pid if process is not None and process.exit_code is None else None

    def start(self) -> None:
        """Start, or start again after a stop, a kill or a crash; does nothing while it runs.

        Raises:
            DataDirectoryInUse: another running program uses the directory.
            PortInUse: the fixed port is taken.
            DataDirectoryUnusable: the directory cannot be made or written.
            ServerDidNotStart: Postgres ended or stayed silent; the message shows its log.
            StartGivenUp: nobody waits for it any more.
            EmbeddedServerError: its files could not be made.
        """
        if self.pid is not None:
            return
        self._clear()
        self._lock.acquire()
        try:
            cluster = PostgresCluster(self._directory, server_account())
            cluster.make(self._announce, self._given_up)
            self._clear_leftover(cluster)
            self._run(cluster)
        except OSError as error:
            self.kill()
            raise DataDirectoryUnusable(self._directory, error) from error
        except BaseException:
            self.kill()
            raise
        self._announce(f"Postgres is up on {LOOPBACK}:{self._port}")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop; open connections are cut.

        Args:
            mode: ``fast`` rolls open transactions back and writes everything out; ``immediate``
                drops everything where it stands, as a crash would, and the next start recovers.
        """
        if self._process is not None:
            self._process.stop(_STOP_SIGNALS[mode], seconds_max=_STOP_SECONDS_MAX)
        self._clear()

    def kill(self) -> None:
        """Kill the postmaster (SIGKILL); its other processes notice and end by themselves."""
        if self._process is not None:
            self._process.kill()
        self._clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _clear(self) -> None:
        if self._process is not None:
            self._process.bury()
            self._process = None
        self._lock.release()

    def _url(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self._port}/{DATABASE}"

    def _started_cluster(self) -> PostgresCluster:
        if self._cluster is None:
            raise EmbeddedServerError("Postgres was not started yet, so it has no address.")
        return self._cluster

    def _clear_leftover(self, cluster: PostgresCluster) -> None:
        pid = cluster.recorded_pid()
        if pid is None:
            return
        if not is_server_of(cluster.path, pid, _PROGRAM_NAME):
            cluster.disown_stale_pid()
            return
        self._announce(f"stopping the Postgres that an earlier run left behind (process {pid})")
        stop_leftover(
            cluster.path, pid, _PROGRAM_NAME, signal.SIGINT, seconds_max=_STOP_SECONDS_MAX
        )

    def _run(self, cluster: PostgresCluster) -> None:
        wanted = self._port or self._kept_port.find(self._announce)
        port = wanted

        def prepare() -> Program:
            nonlocal port
            (port,) = choose_ports([wanted])
            return _program(cluster, port)

        self._process = start_server(
            prepare, lambda process: cluster.is_ready(process.pid), self._given_up
        )
        _make_database(cluster, port)
        self._kept_port.keep(port)
        self._port = port
        self._cluster = cluster


def _make_database(cluster: PostgresCluster, port: int) -> None:
    try:
        with psycopg.connect(
            host=LOOPBACK,
            port=port,
            user=USER,
            password=cluster.password,
            dbname="postgres",
            connect_timeout=_CONNECT_SECONDS_MAX,
            autocommit=True,
        ) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.Error as error:
        raise EmbeddedServerError(
            f"The database {DATABASE} under {cluster.directory} could not be opened: {error} "
            f"Put right what this names, or remove {cluster.directory}."
        ) from error


def _make_role(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    # Sent as a verifier, so that not even the server's log can ever hold the password.
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    connection.execute(
        sql.SQL(
            "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
            "PASSWORD {}"
        ).format(name, verifier)
    )
    # Postgres lets everybody make temporary tables and large objects unless told otherwise.
    connection.execute(
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE))
    )
    for function in _MAKES_LARGE_OBJECTS:
        connection.execute(
            sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(sql.SQL(function))
        )


def _program(cluster: PostgresCluster, port: int) -> Program:
    settings = _SETTINGS | {"port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        name="Postgres",
        command=[str(postgres_program(_PROGRAM_NAME)), "-D", str(cluster.path), *options],
        environment=postgres_environment(),
        directory=cluster.path,
        log_path=cluster.log_path,
        stop_signal=signal.SIGINT,
        account=cluster.account,
    )
