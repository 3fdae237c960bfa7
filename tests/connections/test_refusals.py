"""What poolers say to settings at the start of a session, each in its own words."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from activities.inventory.database.connecting import Connector
from activities.inventory.database.session import STATEMENT_TIMEOUT_MS, session_settings
from worker.embedded.ports import LOOPBACK

_NO_ENCRYPTION: Final = (80877103, 80877104)
_BYTES_MAX: Final = 65_536
# PgBouncer to 1.19 and from 1.20 on, Amazon's proxy, and the pooler of Supabase.
WORDS: Final = (
    "unsupported startup parameter: options",
    "unsupported startup parameter in options: lock_timeout",
    "Feature not supported: RDS Proxy currently doesn't support command-line options.",
    "unsupported options in the startup packet",
)


@contextmanager
def refusing(url: str, words: str) -> Iterator[dict[str, str | int]]:
    """Run a stand-in for a pooler: it refuses settings in these words, and passes on all else."""
    server = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_greet, args=(client, server, words)).start()

        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield {**server, "host": LOOPBACK, "port": listener.getsockname()[1]}
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _greet(client: socket.socket, server: dict[str, str], words: str) -> None:
    with client:
        beginning = client.recv(_BYTES_MAX)
        while len(beginning) == 8 and struct.unpack("!I", beginning[4:])[0] in _NO_ENCRYPTION:
            client.sendall(b"N")
            beginning = client.recv(_BYTES_MAX)
        if b"\0options\0" in beginning:
            fields = b"SFATAL\0VFATAL\0C0A000\0M" + words.encode() + b"\0\0"
            client.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)
            return
        with socket.create_connection((server["host"], int(server["port"]))) as behind:
            behind.sendall(beginning)
            back = threading.Thread(target=_pass_on, args=(behind, client))
            back.start()
            _pass_on(client, behind)
            back.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(_BYTES_MAX):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.mark.parametrize("words", WORDS)
def test_where_settings_are_refused_the_connection_is_made_without_them(
    database_url: str, words: str
):
    url = database_url.replace("+psycopg", "")
    with refusing(url, words) as parameters:
        connector = Connector(session_settings(), STATEMENT_TIMEOUT_MS)
        with connector.connect(**parameters) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_any_other_refusal_reaches_the_caller(database_url: str):
    url = database_url.replace("+psycopg", "")
    with (
        refusing(url, "no more connections allowed") as parameters,
        pytest.raises(psycopg.OperationalError, match="no more connections allowed"),
    ):
        Connector(session_settings(), STATEMENT_TIMEOUT_MS).connect(**parameters)
