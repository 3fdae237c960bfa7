"""A real PgBouncer in front of the suite's Postgres."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal, Self

import psycopg
from sqlalchemy import URL, make_url

from tests.connections.programs import owned_directory, pgbouncer_program, program
from tests.inventory.databases import READER_ROLE, as_role, as_worker
from worker.embedded.ports import LOOPBACK, choose_ports, is_listening
from worker.embedded.server_process import ServerProcess
from worker.embedded.starting import start_server

PoolMode = Literal["session", "transaction"]


class PgBouncer:
    """A pooler on the loopback address, on a port that stays the same.

    Args:
        server: the URL of an owner of the server's databases.
        directory: of its files, not made yet.
        mode: when it hands a session of the server's on to another client.
        sessions_max: of each user with the server.
        ignored: what it drops of what clients ask for at their start, instead of refusing them.
    """

    def __init__(
        self,
        server: str,
        directory: Path,
        mode: PoolMode,
        *,
        sessions_max: int,
        ignored: str = "",
    ) -> None:
        self._program = pgbouncer_program()
        self._server = make_url(server)
        self._directory = directory
        self._account = owned_directory(directory)
        (self.port,) = choose_ports([0])
        self._process: ServerProcess | None = None
        self._configure(mode, sessions_max, ignored)

    def url(self, url: str) -> str:
        """Return the way through it to a database of the server."""
        through = make_url(url).set(host=LOOPBACK, port=self.port)
        return through.render_as_string(hide_password=False)

    def start(self) -> None:
        self._process = start_server(
            program(
                "PgBouncer",
                lambda: [self._program, self._directory / "pgbouncer.ini"],
                self._directory,
                self._account,
            ),
            lambda _: is_listening(self.port),
            threading.Event(),
        )

    def stop(self) -> None:
        """Stop it at once, as a restart does: everybody's connection is cut."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def renew(self) -> None:
        """Let it make its sessions with the server anew."""
        console = self._server.set(database="pgbouncer", host=LOOPBACK, port=self.port)
        url = console.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("RECONNECT")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configure(self, mode: PoolMode, sessions_max: int, ignored: str) -> None:
        server_url = str(self._server)
        roles = as_worker(server_url), as_role(server_url, READER_ROLE)
        users = [self._server, *map(make_url, roles)]
        self._write("users", "".join(map(_login, users)))
        settings = {
            "listen_addr": LOOPBACK,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": self._directory / "users",
            "admin_users": self._server.username,
            "pool_mode": mode,
            "default_pool_size": sessions_max,
            "max_client_conn": 500,
            "ignore_startup_parameters": ignored,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        server = f"* = host={self._server.host} port={self._server.port}\n"
        self._write("pgbouncer.ini", f"[databases]\n{server}\n[pgbouncer]\n{lines}")

    def _write(self, name: str, text: str) -> None:
        path = self._directory / name
        path.write_text(text)
        if self._account is not None:
            self._account.own(path)


def _login(url: URL) -> str:
    return f'"{url.username}" "{url.password}"\n'
