"""Temporal behind TLS, as in its cloud: the standard settings reach the worker and the client.

The development server has no TLS, so a line in front of it ends TLS for it, and demands a
certificate of every client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client import Fulfilled, Held, ReservationClient, ServerUnreachable
from holdfast_client.transport.connection import connected
from holdfast_client.transport.temporal import ANSWER_TIMEOUT_SECONDS_DEFAULT
from tests.directories import NewDirectory
from tests.security.certificates import Authority, Pair
from tests.security.tls_relay import server_context, tls_relay
from tests.worker.conftest import Operator
from tests.worker.test_processes import _wait_ready, running
from worker.embedded.temporal import EmbeddedTemporal
from worker.temporal import connect_temporal

API_KEY: Final = "an-api-key-that-nobody-may-see"


@dataclass(frozen=True)
class Door:
    """The way to Temporal, and who may use it."""

    address: str
    authority: Authority
    ours: Pair

    @property
    def settings(self) -> dict[str, str]:
        """Temporal's standard settings, by which all programs find their way in."""
        return {
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_TLS": "true",
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(self.authority.certificate),
            "TEMPORAL_TLS_CLIENT_CERT_PATH": str(self.ours.certificate),
            "TEMPORAL_TLS_CLIENT_KEY_PATH": str(self.ours.key),
        }


@pytest.fixture(scope="module")
def door(own_temporal: EmbeddedTemporal, new_directory: NewDirectory) -> Iterator[Door]:
    directory = new_directory("temporal-certificates")
    directory.mkdir()
    authority = Authority(directory, "authority")
    context = server_context(authority.sign("front-door"), authority.certificate)
    port = int(own_temporal.address.rpartition(":")[2])
    with tls_relay(port, context) as tls_port:
        yield Door(f"127.0.0.1:{tls_port}", authority, authority.sign("worker"))


@pytest.fixture
def stranger(new_directory: NewDirectory, unique: str) -> Authority:
    directory = new_directory("stranger-certificates")
    directory.mkdir()
    return Authority(directory, "stranger")


def _set(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> None:
    for name, text in settings.items():
        monkeypatch.setenv(name, text)


async def test_a_checkout_goes_through_tls_from_the_client_to_a_worker_process(
    door: Door, operator: Operator, ledger: Ledger, unique: str, monkeypatch: pytest.MonkeyPatch
):
    ledger.load_stock([StockRow(unique, "main", 1)])
    _set(monkeypatch, door.settings)
    with running(operator, **door.settings) as worker:
        _wait_ready(worker)
        client = await ReservationClient.connect()
        assert isinstance(await client.reserve(unique, [(unique, 1)]), Held)
        assert isinstance(await client.confirm(unique, f"pay-{unique}"), Fulfilled)


def test_health_goes_through_tls_and_says_why_it_does_not(
    door: Door, operator: Operator, stranger: Authority
):
    good = operator.run("health", **door.settings)
    trusting = {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(stranger.certificate)}
    bad = operator.run("health", **(door.settings | trusting))
    assert (good.returncode, good.stderr) == (0, "")
    assert bad.returncode == 1
    assert "Temporal: " in bad.stderr


@pytest.mark.parametrize("spoilt", ["no TLS", "no certificate", "a strange authority"])
async def test_nobody_gets_in_without_the_whole_of_it(
    door: Door, stranger: Authority, monkeypatch: pytest.MonkeyPatch, spoilt: str
):
    settings = dict(door.settings)
    match spoilt:
        case "no TLS":
            settings = {"TEMPORAL_ADDRESS": door.address, "TEMPORAL_TLS": "false"}
        case "no certificate":
            del settings["TEMPORAL_TLS_CLIENT_CERT_PATH"]
            del settings["TEMPORAL_TLS_CLIENT_KEY_PATH"]
        case _:
            settings["TEMPORAL_TLS_SERVER_CA_CERT_PATH"] = str(stranger.certificate)
    _set(monkeypatch, settings)
    with pytest.raises(ServerUnreachable):
        await ReservationClient.connect(answer_timeout_seconds=4.0)


async def test_the_api_key_and_the_namespace_reach_the_connection(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    _set(monkeypatch, {**door.settings, "TEMPORAL_API_KEY": API_KEY})
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "shop.a1b2c")
    for temporal in (
        await connect_temporal(),
        await connected(None, None, ANSWER_TIMEOUT_SECONDS_DEFAULT),
    ):
        config = temporal.service_client.config
        assert config.api_key == API_KEY
        assert config.target_host == door.address
        assert config.tls
        assert temporal.namespace == "shop.a1b2c"


async def test_a_server_of_our_own_is_told_nothing_of_the_real_one(
    own_temporal: EmbeddedTemporal, monkeypatch: pytest.MonkeyPatch
):
    _set(
        monkeypatch,
        {
            "TEMPORAL_ADDRESS": "cloud.example:7233",
            "TEMPORAL_API_KEY": API_KEY,
            "TEMPORAL_NAMESPACE": "shop.a1b2c",
        },
    )
    temporal = await connect_temporal(own_temporal.address)
    config = temporal.service_client.config
    assert (config.api_key, config.tls, temporal.namespace) == (None, None, "default")
