"""The proxy is as bad a network as it is told to be, and then a good one again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from soak.proxy import Proxy

HOST = "127.0.0.1"


class Line(NamedTuple):
    proxy: Proxy
    echoed: asyncio.Queue[bytes]


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A server that gives back what it gets, and says what it got, behind a proxy."""
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            got.put_nowait(chunk)
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield Line(proxy, got)


async def test_it_forwards_both_ways(line: Line) -> None:
    reader, writer = await asyncio.open_connection(HOST, line.proxy.port)
    writer.write(b"there")
    assert await reader.readexactly(5) == b"there"
    writer.close()


async def test_a_black_hole_keeps_back_what_comes_and_gives_it_up_in_the_end(line: Line) -> None:
    reader, writer = await asyncio.open_connection(HOST, line.proxy.port)
    line.proxy.blackhole()
    writer.write(b"there")
    _, late_writer = await asyncio.open_connection(HOST, line.proxy.port)
    late_writer.write(b"later")
    await asyncio.sleep(0.05)
    assert line.echoed.empty()
    line.proxy.forward()
    assert await reader.readexactly(5) == b"there"
    assert {await line.echoed.get(), await line.echoed.get()} == {b"there", b"later"}
    writer.close()
    late_writer.close()


async def test_it_cuts_old_connections_and_new_ones_while_it_refuses(line: Line) -> None:
    reader, writer = await asyncio.open_connection(HOST, line.proxy.port)
    writer.write(b"there")
    await reader.readexactly(5)
    line.proxy.refuse()
    fresh_reader, fresh_writer = await asyncio.open_connection(HOST, line.proxy.port)
    for cut in (reader, fresh_reader):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await cut.readexactly(1)
    line.proxy.forward()
    again, again_writer = await asyncio.open_connection(HOST, line.proxy.port)
    again_writer.write(b"again")
    assert await again.readexactly(5) == b"again"
    for used in (writer, fresh_writer, again_writer):
        used.close()
