"""Carries questions for callers without an event loop, from any thread, over a fork too."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from holdfast_client.contract.errors import HoldfastError
from holdfast_client.questions import Question, Reply
from holdfast_client.transport.loop_thread import LoopThread
from holdfast_client.transport.shutdown import settle

# How much longer than the call itself, which is bounded, the caller's thread waits for it.
_SLACK_SECONDS: Final = 5.0


class _Asked(Protocol):
    async def ask(self, question: Question) -> Reply: ...


class ThreadedTransport:
    """Connects on first use, in a thread of its own; a forked process connects anew.

    Args:
        connect: makes the connection that carries the questions.
        answer_timeout_seconds: the longest that connecting may take, and then each question.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[_Asked]], answer_timeout_seconds: float
    ) -> None:
        self._connect = connect
        self._answer_timeout_seconds = answer_timeout_seconds
        self._is_closed = False
        self._guard = threading.Lock()
        self._connection: _Connection | None = None
        _transports.add(self)

    def ask(self, question: Question) -> Reply:
        """Ask over the connection and wait for the answer."""
        return self._connected().answer(question)

    def close(self) -> None:
        """Disconnect. Calls that wait raise OutcomeUnknown, later ones HoldfastError."""
        with self._guard:
            self._is_closed = True
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.thread.stop()

    def begin_forked_process(self) -> None:
        """Forget the connection, which is the parent's."""
        if self._connection is not None:
            _left_by_parent.append(self._connection)
        self._connection = None
        # Another thread of the parent may have held the old one when it forked.
        self._guard = threading.Lock()

    def _connected(self) -> _Connection:
        with self._guard:
            if self._is_closed:
                raise HoldfastError("the client is closed; make a new one")
            if self._connection is None:
                self._connection = _Connection(self._connect, self._answer_timeout_seconds)
                # Also at the interpreter's exit, where nothing of it may be at work.
                weakref.finalize(self, _end, self._connection.thread)
            return self._connection


class _Connection:
    """One process's connection and the thread that serves it."""

    def __init__(
        self, connect: Callable[[], Awaitable[_Asked]], answer_timeout_seconds: float
    ) -> None:
        self.thread = LoopThread()
        self._connect = connect
        self._answer_timeout_seconds = answer_timeout_seconds
        self._connecting = asyncio.Lock()
        self._transport: _Asked | None = None

    def answer(self, question: Question) -> Reply:
        # The first call connects before it asks, and either may take its whole time.
        bound_seconds = 2 * self._answer_timeout_seconds + _SLACK_SECONDS
        return self.thread.run(self._asked(question), bound_seconds)

    async def _asked(self, question: Question) -> Reply:
        return await (self._transport or await self._first()).ask(question)

    async def _first(self) -> _Asked:
        async with self._connecting:
            if self._transport is None:
                self._transport = await self._connect()
            return self._transport


def _end(thread: LoopThread) -> None:
    thread.stop()
    settle()


_transports: weakref.WeakSet[ThreadedTransport] = weakref.WeakSet()
# Connections of the parent of a fork: kept, because to free one would wait for threads that the
# fork did not copy.
_left_by_parent: list[_Connection] = []


def _begin_forked_process() -> None:
    for transport in list(_transports):
        transport.begin_forked_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_forked_process)
