"""A TCP proxy that spoils the line between a program and its server in a chosen way.

It stands where the network stands: the programs at both ends are real and know nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Final, Literal, Self

from tests.faults.commits import CommitWatch
from tests.limits import HANG_SECONDS
from worker.embedded.ports import LOOPBACK

# How long a silence lasts at least. Unset, it lasts until everybody has been told.
SILENCE_SECONDS: Final = 30.0 if os.environ.get("HOLDFAST_LONG_FAULTS") else 0.0
_CHUNK_BYTES: Final = 65_536
_CONNECTIONS_WAITING_MAX: Final = 512
# Closing with this throws away what was not sent and tells the peer by a reset.
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)

State = Literal["forward", "blackhole", "refuse"]
# What is lost with a commit: the server's word that it was made, or the wish itself.
Lost = Literal["answer", "request"]


class Proxy:
    """Forwards connections to a server on the loopback address, until it is told otherwise.

    While it is a *blackhole* it takes whatever is sent, passes nothing on, and closes nothing:
    neither end can tell it from a peer that thinks. What was under way arrives when the line is
    mended, unless it is cut first.

    Args:
        port: of the server.
        delay_seconds: how much later everything that a client sends arrives.
    """

    def __init__(self, port: int, *, delay_seconds: float = 0.0) -> None:
        self._server_port = port
        self.delay_seconds = delay_seconds
        self.lost = 0
        self._to_lose: Lost | None = None
        self._cuts_after_loss = True
        self._loses_in_transactions_only = False
        self._state: State = "forward"
        self._changed = threading.Condition()
        self._ending = False
        self._links: set[_Link] = set()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=_CONNECTIONS_WAITING_MAX)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)

    # --- what a test does to the line -----------------------------------------------------------

    def blackhole(self) -> None:
        """Swallow everything from now on, on old connections and new ones."""
        self._become("blackhole")

    def refuse(self) -> None:
        """Cut every connection, and each new one as it comes."""
        self._become("refuse")
        self.cut()

    def mend(self, *, cut: bool = False) -> None:
        """Forward again; with ``cut``, what was under way is lost and its connections are reset."""
        if cut:
            self.cut()
        self._become("forward")

    def cut(self) -> None:
        """Reset every connection that there is."""
        with self._changed:
            links = list(self._links)
        for link in links:
            link.cut()

    def strand(self) -> None:
        """Swallow everything on the connections that there are, for ever; new ones are welcome."""
        with self._changed:
            for link in self._links:
                link.is_stranded = True

    def lose_next_commit(
        self, lost: Lost, *, cut: bool = True, in_transactions_only: bool = False
    ) -> None:
        """Swallow the next commit, or the server's word that it was made.

        Args:
            lost: ``answer`` lets the server commit; ``request`` does not. The client cannot tell
                one from the other.
            cut: reset the connection then; otherwise the client goes on waiting.
            in_transactions_only: let calls pass that are transactions of their own.
        """
        with self._changed:
            self._to_lose, self._cuts_after_loss = lost, cut
            self._loses_in_transactions_only = in_transactions_only

    # --- inside ----------------------------------------------------------------------------------

    def until_open(self, link: _Link) -> bool:
        """Wait while this is a blackhole; False when the link was cut meanwhile."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    (self._state != "blackhole" and not link.is_stranded)
                    or self._ending
                    or link.is_cut
                )
            )
        return not (self._ending or link.is_cut)

    def loses(self, chunk: bytes, watch: CommitWatch) -> Lost | None:
        """Say what becomes of what a client sends: None, unless it is the commit to be lost."""
        if not watch.commits(chunk, in_transactions_only=self._loses_in_transactions_only):
            return None
        with self._changed:
            lost, self._to_lose = self._to_lose, None
        return lost

    def note_loss(self) -> bool:
        """Count a commit that is lost by now, and say whether its connection is to be cut."""
        with self._changed:
            self.lost += 1
            return self._cuts_after_loss

    def forget(self, link: _Link) -> None:
        with self._changed:
            self._links.discard(link)
            self._changed.notify_all()

    def _become(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(self, client, self._server_port)
            with self._changed:
                refused = self._state == "refuse" or self._ending
                if not refused:
                    self._links.add(link)
            link.cut() if refused else link.start()

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._ending = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        with self._changed:
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: not self._links, HANG_SECONDS)


class _Link:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server_port: int) -> None:
        self._proxy = proxy
        self._client = client
        self._server_port = server_port
        self._server: socket.socket | None = None
        self._swallowed = threading.Event()
        self._is_silent = False
        self.is_stranded = False
        self.is_cut = False

    def start(self) -> None:
        threading.Thread(target=self._live, name="proxy link", daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        for end in (self._client, self._server):
            if end is not None:
                _reset(end)
        self._proxy.forget(self)

    def _live(self) -> None:
        try:
            if self._proxy.until_open(self):
                self._server = socket.create_connection((LOOPBACK, self._server_port))
                self._server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answers = threading.Thread(target=self._pump_answers, daemon=True)
                answers.start()
                self._pump_requests()
                answers.join()
        except OSError:
            pass
        finally:
            self.cut()

    def _pump_requests(self) -> None:
        assert self._server is not None
        watch = CommitWatch()
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._client.recv(_CHUNK_BYTES):
                if self._proxy.delay_seconds:
                    time.sleep(self._proxy.delay_seconds)
                if not self._proxy.until_open(self):
                    break
                lost = self._proxy.loses(chunk, watch)
                if lost:
                    self._lose(chunk, lost)
                    break
                self._server.sendall(chunk)
        _reset(self._server)

    def _pump_answers(self) -> None:
        assert self._server is not None
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._server.recv(_CHUNK_BYTES):
                if not self._proxy.until_open(self):
                    break
                if self._is_silent:
                    self._swallowed.set()
                    continue
                self._client.sendall(chunk)
        if not self._is_silent:
            _reset(self._client)

    def _lose(self, chunk: bytes, lost: Lost) -> None:
        assert self._server is not None
        # From here on the client hears nothing. When the server has answered, the commit is made.
        self._is_silent = True
        if lost == "answer":
            self._server.sendall(chunk)
            assert self._swallowed.wait(HANG_SECONDS)
        if not self._proxy.note_loss():
            while self._client.recv(_CHUNK_BYTES):
                pass


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        end.close()
