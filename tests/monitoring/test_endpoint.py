"""The address of the metrics: who may listen there, from when on, and what is said where not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from tests.limits import HANG_SECONDS
from tests.monitoring.conftest import free_ports_in_a_row
from tests.worker.conftest import Operator
from worker.runtime import MetricsUnavailable, metrics_addresses, temporal_runtime
from worker.settings import SettingsInvalid, load_settings

DATABASE_URL = "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.fixture
def taken() -> Iterator[str]:
    """An address at which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield f"127.0.0.1:{other.getsockname()[1]}"


def test_a_worker_whose_metrics_port_is_taken_says_so_and_ends(operator: Operator, taken: str):
    told = operator.run(HOLDFAST_METRICS_ADDRESS=taken)
    assert told.returncode == 2
    assert told.stderr.startswith(f"HOLDFAST_METRICS_ADDRESS: cannot offer metrics at {taken}: ")
    assert "Address already in use" in told.stderr
    assert told.stderr.endswith("; give another address, or stop whoever listens there\n")


def test_a_health_check_beside_a_worker_needs_no_port_of_its_own(operator: Operator, taken: str):
    told = operator.run("health", HOLDFAST_METRICS_ADDRESS=taken)
    assert told.returncode == 0, told.stderr


def test_metrics_are_offered_before_anything_is_connected():
    address = f"127.0.0.1:{free_ports_in_a_row(1)}"
    meter = temporal_runtime(address).metric_meter
    meter.create_counter("begun").add(1)
    with urlopen(f"http://{address}/metrics", timeout=HANG_SECONDS) as answer:
        assert b"begun_total 1" in answer.read()


def test_two_workers_of_one_process_share_the_endpoint_of_one_address():
    address = f"127.0.0.1:{free_ports_in_a_row(1)}"
    assert temporal_runtime(address) is temporal_runtime(address)


def test_without_an_address_nothing_is_kept_and_nobody_listens():
    assert load_settings(database_url=DATABASE_URL).metrics_address == ""
    assert type(temporal_runtime().metric_meter).__name__ == "_NoopMetricMeter"


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "0.0.0.0:1", "[::1]:65535", "[::]:9464", ""])
def test_an_address_to_listen_on_is(address: str):
    assert load_settings(database_url=DATABASE_URL, metrics_address=address)


@pytest.mark.parametrize(
    "address",
    [
        "9464",
        ":9464",
        "localhost:9464",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:x",
        "::1:9464",
        "[127.0.0.1]:9464",
        "http://127.0.0.1:9464",
    ],
)
def test_no_address_to_listen_on_is(address: str):
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(database_url=DATABASE_URL, metrics_address=address)
    assert str(refused.value).startswith("HOLDFAST_METRICS_ADDRESS: is no IP and port")


def test_each_of_several_processes_has_the_next_port():
    assert metrics_addresses("127.0.0.1:9464", 3) == [
        "127.0.0.1:9464",
        "127.0.0.1:9465",
        "127.0.0.1:9466",
    ]
    assert metrics_addresses("", 2) == ["", ""]
    with pytest.raises(MetricsUnavailable, match="65536"):
        metrics_addresses("127.0.0.1:65535", 2)
