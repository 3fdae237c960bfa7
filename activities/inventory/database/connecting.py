"""How a connection to Postgres is made: bounded on both sides, and fit for who is at its end.

Between a worker and its server there may be a pooler. It hands a session of the server's to many
clients in turn, after each transaction perhaps, so what one of them prepares or sets there, others
meet or miss. It is found out when a connection is made, by asking: the process that answers is not
the one that greeted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from activities.inventory.database.session import startup_options

CONNECT_TIMEOUT_SECONDS: Final = 3
# How long the kernel waits for a peer that has vanished without a word.
TCP_USER_TIMEOUT_MS: Final = 5_000
KEEPALIVE_IDLE_SECONDS: Final = 5
# How much later than the server's own bound on a statement its answer may arrive.
ANSWER_SLACK_SECONDS: Final = 2.0
# What poolers say to settings at the start of a session, each in its words.
_REFUSED_SETTINGS: Final = re.compile(r"startup parameter|command-line option|\boptions\b")

ResultT = TypeVar("ResultT")


class LedgerConnection(psycopg.Connection[Any]):
    """A connection that waits for an answer no longer than ``answer_seconds_max``.

    The server's bounds are of no use when nothing arrives from it, and the kernel's when somebody
    in between, such as a proxy whose other side is dead, keeps the connection alive. Without this
    a silent line would keep its thread, and its place in the pool, for ever.
    """

    answer_seconds_max: float | None = None
    # Whether a pooler is in between, so that nothing can be kept in the session.
    is_pooled = False

    def wait(
        self, gen: PQGen[ResultT], interval: float = 0.1, timeout: float | None = None
    ) -> ResultT:
        bound = self.answer_seconds_max if timeout is None else timeout
        try:
            return super().wait(gen, interval, bound)
        except psycopg.OperationalError:
            # Still waiting for an answer: what came next on this line could be anything.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class Connector:
    """Makes connections whose sessions have certain settings, where nobody in between drops them.

    Args:
        settings: of :func:`activities.inventory.database.session.session_settings`.
        statement_timeout_ms: how long the server works on a statement; 0 for any time.
    """

    def __init__(self, settings: Mapping[str, str], statement_timeout_ms: int) -> None:
        self._options = startup_options(settings)
        self._answer_seconds_max = (
            statement_timeout_ms / 1_000 + ANSWER_SLACK_SECONDS if statement_timeout_ms else None
        )
        # What the latest connection met; the next one does not run into it again.
        self._settings_are_refused = False

    def connect(self, **parameters: Any) -> LedgerConnection:
        """Return a connection on which nothing has been done yet.

        Args:
            parameters: libpq's, of the database URL.

        Raises:
            psycopg.Error: there is nobody, or nobody who takes us.
        """
        if self._settings_are_refused:
            connection = self._open(parameters)
            if connection.is_pooled:
                return connection
            # The pooler has gone, and with it whoever refused.
            connection.close()
        try:
            connection = self._open(self._with_settings(parameters))
        except psycopg.OperationalError as refusal:
            if not _REFUSED_SETTINGS.search(str(refusal)):
                raise
        else:
            self._settings_are_refused = False
            return connection
        connection = self._open(parameters)
        self._settings_are_refused = True
        return connection

    def _with_settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        given = parameters.get("options")
        return {**parameters, "options": f"{given} {self._options}" if given else self._options}

    def _open(self, parameters: Mapping[str, Any]) -> LedgerConnection:
        connection = LedgerConnection.connect(
            **parameters,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            tcp_user_timeout=TCP_USER_TIMEOUT_MS,
            keepalives_idle=KEEPALIVE_IDLE_SECONDS,
            keepalives_interval=1,
            keepalives_count=3,
        )
        try:
            connection.answer_seconds_max = CONNECT_TIMEOUT_SECONDS
            connection.is_pooled = _is_pooled(connection)
            connection.answer_seconds_max = self._answer_seconds_max
        except BaseException:
            connection.close()
            raise
        if connection.is_pooled:
            connection.prepare_threshold = None
        return connection


def _is_pooled(connection: LedgerConnection) -> bool:
    connection.autocommit = True
    answer = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.autocommit = False
    return answer is None or answer[0] != connection.info.backend_pid
