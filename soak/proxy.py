"""A TCP proxy between the workers and Postgres, which can become a bad network."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Self

from worker.embedded.ports import LOOPBACK

_CHUNK_BYTES: Final = 65_536


class Proxy:
    """Forwards connections to a port of this machine, as well as it is told to.

    Args:
        target_port: where Postgres listens.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._is_refusing = False
        self._delay_seconds = 0.0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """Where to connect instead; known once it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.forward()
        self.cut()

    def forward(self) -> None:
        """Be a good network again; what was kept back goes on its way."""
        self._is_refusing = False
        self._delay_seconds = 0.0
        self._open.set()

    def blackhole(self) -> None:
        """Swallow everything without a word; connections stay open."""
        self._open.clear()

    def refuse(self) -> None:
        """Cut every connection, and each new one at once."""
        self._is_refusing = True
        self.cut()

    def delay(self, seconds: float) -> None:
        """Let every packet take so long, either way."""
        self._delay_seconds = seconds

    def cut(self) -> None:
        """End every connection; new ones are welcome."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._is_refusing:
                writer.transport.abort()
                return
            await self._open.wait()
            with suppress(OSError):
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        self._writers.add(far_writer)
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        try:
            # When one side hangs up there is nobody left to talk to.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._writers.discard(far_writer)
            far_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await self._open.wait()
                writer.write(chunk)
                await writer.drain()
