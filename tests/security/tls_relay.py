"""A line that ends TLS in front of a server that has none, as a cloud's front door does.

Both ends are real: the program's own TLS on one side, the server on the other. What is not TLS is
refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.limits import HANG_SECONDS
from tests.security.certificates import Pair
from worker.embedded.ports import LOOPBACK

_CHUNK_BYTES: Final = 65_536
_CLOSE_SECONDS: Final = 0.05
# How a Postgres client asks for TLS before it says anything else.
_SSL_REQUEST: Final = struct.pack("!ii", 8, 80_877_103)
_REFUSAL: Final = b"SFATAL\0VFATAL\0C28000\0Mno entry for this host, no encryption\0\0"


def server_context(pair: Pair, client_authority: Path | None = None) -> ssl.SSLContext:
    """Return the TLS of a server; with an authority it demands a certificate of every client."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_authority)
    context.load_cert_chain(pair.certificate, pair.key)
    context.set_alpn_protocols(["h2", "postgresql"])
    if client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def tls_relay(port: int, context: ssl.SSLContext, *, asks_first: bool = False) -> Iterator[int]:
    """Relay to a port of this machine; lend the port that speaks TLS.

    Args:
        port: of the server without TLS.
        context: the TLS to speak.
        asks_first: the clients ask for TLS in Postgres' way before they begin with it.
    """
    relay = _Relay(port, context, asks_first=asks_first)
    thread = threading.Thread(target=relay.run, name="tls-relay", daemon=True)
    thread.start()
    assert relay.ready.wait(HANG_SECONDS)
    try:
        yield relay.port
    finally:
        relay.stop()
        thread.join(HANG_SECONDS)


class _Relay:
    def __init__(self, target_port: int, context: ssl.SSLContext, *, asks_first: bool) -> None:
        self.ready = threading.Event()
        self.port = 0
        self._target_port = target_port
        self._context = context
        self._asks_first = asks_first
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()

    def run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)

    async def _serve(self) -> None:
        context = None if self._asks_first else self._context
        server = await asyncio.start_server(self._connected, LOOPBACK, 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await self._ending.wait()
        server.close()
        links = asyncio.all_tasks() - {asyncio.current_task()}
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        # What was aborted is closed in the loop's next turns.
        await asyncio.sleep(_CLOSE_SECONDS)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                if not self._asks_first or await self._begin_tls(reader, writer):
                    await self._link(reader, writer)
        finally:
            await _let_go(writer)

    async def _begin_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if await reader.readexactly(len(_SSL_REQUEST)) != _SSL_REQUEST:
            writer.write(b"E" + struct.pack("!i", len(_REFUSAL) + 4) + _REFUSAL)
            await writer.drain()
            return False
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._context)
        return True

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, far_writer))
                group.create_task(_pass_on(far_reader, writer))
        finally:
            await _let_go(far_writer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def _let_go(writer: asyncio.StreamWriter) -> None:
    """Send what is left, if the other side takes it, and close for good."""
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await asyncio.wait_for(writer.drain(), HANG_SECONDS)
    writer.transport.abort()
