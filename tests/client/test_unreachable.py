"""A Temporal that is not there, or is there and says nothing."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import Client

from holdfast_client import (
    HoldfastError,
    InvalidRequest,
    OutcomeUnknown,
    ReservationClient,
    ServerUnreachable,
)
from tests.limits import HANG_SECONDS
from tests.workflows.waiting import until
from worker.embedded import EmbeddedTemporal


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def refusing() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
async def relay(temporal_address: str) -> AsyncIterator[Relay]:
    """A way to Temporal that can fall silent."""
    relay = Relay(temporal_address)
    async with await asyncio.start_server(relay.connect, "127.0.0.1", 0) as server:
        relay.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield relay
        relay.cut()


class Relay:
    """Passes bytes on between a client and Temporal until it is told to swallow them."""

    def __init__(self, target: str) -> None:
        self.address = ""
        self.is_silent = False
        self._host, _, self._port = target.rpartition(":")
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            if not self.is_silent:
                writer.write(chunk)
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


def every_call(client: ReservationClient) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: client.reserve("cart-1", [("MUG", 1)]),
        lambda: client.confirm("cart-1", "pay_1"),
        lambda: client.extend("cart-1", 60),
        lambda: client.cancel("cart-1"),
        lambda: client.status("cart-1"),
        lambda: client.adjust_stock("a-1", "MUG", "receive", 1),
        client.list,
    ]


async def test_connecting_where_nobody_listens_names_the_address_and_what_to_do(
    refusing: str,
) -> None:
    with pytest.raises(ServerUnreachable, match=rf"{refusing}.*TEMPORAL_ADDRESS"):
        await ReservationClient.connect(refusing)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:7233", r"http://; write HOST:PORT alone, such as 127\.0\.0\.1:7233 \("),
        ("https://shop.tmprl.cloud:7233/", r"such as shop\.tmprl\.cloud:7233; TEMPORAL_TLS=true"),
        ("grpc://", r"grpc://; write HOST:PORT alone, such as localhost:7233"),
    ],
)
@pytest.mark.filterwarnings("error")
async def test_an_address_with_a_scheme_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, address: str, told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told) as refused:
        await ReservationClient.connect(address)
    assert refused.value.field == "address"
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    with pytest.raises(InvalidRequest, match=told):
        await ReservationClient.connect()


async def test_connecting_to_a_silent_address_ends_in_time(black_hole: str) -> None:
    with pytest.raises(ServerUnreachable, match=rf"{black_hole}.*no answer within 0.5 s"):
        async with asyncio.timeout(HANG_SECONDS):
            await ReservationClient.connect(black_hole, answer_timeout_seconds=0.5)


async def test_no_call_waits_longer_than_its_time_for_a_server_that_fell_silent(
    relay: Relay,
) -> None:
    # Connected without haste: the relay runs in this loop, too.
    temporal_client = await Client.connect(relay.address)
    client = ReservationClient(temporal_client, answer_timeout_seconds=0.5)
    relay.is_silent = True
    for ask in every_call(client):
        with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.5 s"):
            async with asyncio.timeout(HANG_SECONDS):
                await ask()


async def test_no_call_waits_longer_than_its_time_for_a_server_that_never_spoke(
    black_hole: str,
) -> None:
    temporal_client = await Client.connect(black_hole, lazy=True)
    client = ReservationClient(temporal_client, answer_timeout_seconds=0.5)
    for ask in every_call(client):
        with pytest.raises(OutcomeUnknown):
            async with asyncio.timeout(HANG_SECONDS):
                await ask()


async def soon_connected(address: str) -> ReservationClient:
    """Connect to a server that has only just been started, where its first answer may be late."""
    while True:
        with suppress(ServerUnreachable):
            return await ReservationClient.connect(address, answer_timeout_seconds=3.0)


async def test_a_server_that_went_away_is_unreachable_and_back_again_it_answers(
    data_dir: Path,
) -> None:
    with EmbeddedTemporal(data_dir) as server:
        client = await soon_connected(server.address)
        await asyncio.to_thread(server.stop)
        for ask in every_call(client):
            with pytest.raises(ServerUnreachable, match=f"Temporal at {server.address}"):
                await ask()
        await asyncio.to_thread(server.start)

        async def answers() -> bool:
            # It has to connect again first, within the time of one answer.
            with suppress(OutcomeUnknown):
                assert await client.list() == []
                return True
            return False

        await until(answers)


async def test_the_address_and_the_namespace_come_from_temporals_own_settings(
    refusing: str, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", refusing)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "nowhere")
    with pytest.raises(ServerUnreachable, match=refusing):
        await ReservationClient.connect()
    client = await ReservationClient.connect(temporal_address, answer_timeout_seconds=HANG_SECONDS)
    with pytest.raises(HoldfastError, match="Namespace nowhere"):
        await client.status("cart-1")
    client = await ReservationClient.connect(
        temporal_address, namespace="default", answer_timeout_seconds=HANG_SECONDS
    )
    assert isinstance(await client.list(), list)


async def test_settings_that_cannot_be_read_are_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "temporal.toml").write_text("not = [toml")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))
    with pytest.raises(HoldfastError, match="settings"):
        await ReservationClient.connect()


@pytest.mark.parametrize(
    ("field", "address", "namespace"),
    [
        ("address", "", None),
        ("address", " ", None),
        ("address", "::::", None),
        ("namespace", None, ""),
    ],
)
async def test_an_address_that_cannot_be_one_is_refused_by_name(
    field: str, address: str | None, namespace: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await ReservationClient.connect(address, namespace=namespace)
    assert refusal.value.field == field


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, True, "15", None])
async def test_an_answer_timeout_that_is_no_time_is_refused(
    temporal_client: Client, seconds: float
) -> None:
    with pytest.raises(InvalidRequest, match="answer_timeout_seconds"):
        ReservationClient(temporal_client, answer_timeout_seconds=seconds)
    with pytest.raises(InvalidRequest, match="answer_timeout_seconds"):
        await ReservationClient.connect(answer_timeout_seconds=seconds)
