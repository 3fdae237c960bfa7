"""What a worker tells of its work: its core's log, its metrics, its traces."""

from __future__ import annotations

import logging
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from activities.metrics import (
    BATCH_SIZE_BUCKETS,
    DURATION_BUCKETS_SECONDS,
    LEDGER_BATCH_SIZE,
    LEDGER_DURATION,
)

if TYPE_CHECKING:
    from worker.tracing import Tracing

METRICS_ADDRESS_VARIABLE: Final = "HOLDFAST_METRICS_ADDRESS"
ADDRESS_EXAMPLE: Final = "127.0.0.1:9464"
_PORT_MAX: Final = 65_535
# Written as [::1]:9464, because the address itself has colons.
_IP_VERSION_BRACKETED: Final = 6


class MetricsUnavailable(Exception):
    """The metrics cannot be offered at the address that was given for them."""


class TracingUnavailable(Exception):
    """Tracing is asked for, and what it needs is not installed."""


def checked_address(text: str) -> str:
    """Return an address to listen on, or the empty text for none.

    Raises:
        ValueError: it is no ``IP:port`` with a port of 1 to 65,535.
    """
    if text:
        _host, _port = _parts(text)
    return text


def metrics_addresses(address: str, count: int) -> list[str]:
    """Return where each of so many workers of one machine offers its metrics.

    Each has a port of its own: that of the address, the one after it, and so on.

    Raises:
        MetricsUnavailable: there are not so many ports.
    """
    if not address:
        return [""] * count
    host, port = _parts(address)
    if port + count - 1 > _PORT_MAX:
        raise MetricsUnavailable(
            f"{METRICS_ADDRESS_VARIABLE}: {count} workers need the ports {port} to "
            f"{port + count - 1}, and {_PORT_MAX} is the last"
        )
    return [f"{host}:{port + place}" for place in range(count)]


@cache
def temporal_runtime(address: str = "") -> Runtime:
    """Return the process's runtime for an address, whose own log goes the way of all others.

    By default the SDK's core writes its warnings to standard output, into the middle of what a
    program prints there. The metrics can be read from here on, before anything is connected.

    Args:
        address: ``IP:port`` to offer metrics at, for Prometheus; none are kept if it is empty.

    Raises:
        MetricsUnavailable: nobody can listen there, such as where somebody else does.
    """
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    levels = TelemetryFilter(core_level="WARN", other_level="ERROR")
    try:
        return Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(levels, forwarding),
                metrics=_prometheus(address) if address else None,
                attach_service_name=False,
            )
        )
    except ValueError as error:
        raise MetricsUnavailable(
            f"{METRICS_ADDRESS_VARIABLE}: cannot offer metrics at {address}: {error}; "
            "give another address, or stop whoever listens there"
        ) from None


def open_tracing() -> Tracing:
    """Return this process's tracing.

    Raises:
        TracingUnavailable: its packages are not installed.
    """
    try:
        # Only now: a worker without tracing does without these packages.
        from worker.tracing import process_tracing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise TracingUnavailable(
            f"HOLDFAST_TRACING is on, but {error.name} is not installed: "
            "pip install 'temporalio[opentelemetry]' opentelemetry-exporter-otlp-proto-http"
        ) from None
    return process_tracing()


def _prometheus(address: str) -> PrometheusConfig:
    return PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides={
            LEDGER_DURATION: DURATION_BUCKETS_SECONDS,
            LEDGER_BATCH_SIZE: BATCH_SIZE_BUCKETS,
        },
    )


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        is_bracketed_right = (ip_address(bare).version == _IP_VERSION_BRACKETED) == (bare != host)
    except ValueError:
        is_bracketed_right = False
    if not (is_bracketed_right and port.isdecimal() and 1 <= int(port) <= _PORT_MAX):
        raise ValueError(f"is no IP and port to listen on (such as {ADDRESS_EXAMPLE})")
    return host, int(port)
