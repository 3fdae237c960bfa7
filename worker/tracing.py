"""One trace from the shop's request through the workflow into the SQL.

Imported only where tracing is on: it needs packages that a worker can do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
    set_tracer_provider,
)
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import (
    OpenTelemetryPlugin,
    ReplaySafeTracerProvider,
    create_tracer_provider,
)

from activities.inventory.database.pool import LedgerPool
from activities.inventory.sql.statements import (
    audits,
    movements,
    open_holds,
    operations,
    reservations,
    stock,
    timelines,
)

SERVICE_NAME_DEFAULT: Final = "holdfast-worker"
# A collector that is away must not keep a worker from stopping.
FLUSH_MILLISECONDS_MAX: Final = 3_000
_STATEMENT_NAMES: Final = {
    statement: name
    for module in (audits, movements, open_holds, operations, reservations, stock, timelines)
    for name, statement in vars(module).items()
    if name.isupper()
}


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where this process's spans go.

    Args:
        provider: makes spans that a replay does not make again.
        plugin: for the Temporal client, and by it for the worker.
    """

    provider: ReplaySafeTracerProvider
    plugin: Plugin

    def follow(self, pool: LedgerPool) -> None:
        """Make a span of each statement of the pool's."""
        trace_statements(pool, self.provider)

    def flush(self) -> None:
        """Send what has not been sent, for a few seconds at most."""
        self.provider.force_flush(FLUSH_MILLISECONDS_MAX)


@cache
def process_tracing() -> Tracing:
    """Return this process's tracing; the standard ``OTEL_`` variables say where spans go.

    The first call makes it the process's own, as the Temporal plugin wants it.
    """
    ours = Resource.create({SERVICE_NAME: SERVICE_NAME_DEFAULT})
    resource = ours.merge(OTELResourceDetector().detect())
    provider = create_tracer_provider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_tracer_provider(provider)
    return Tracing(provider, OpenTelemetryPlugin(add_temporal_spans=True))


def trace_statements(pool: LedgerPool, provider: TracerProvider) -> None:
    """Make a span of each statement of the pool's, as a child of whoever calls the ledger.

    A span holds the text of the statement, which has no values in it, and of a failure the
    SQLSTATE alone: Postgres quotes whole rows in its messages, payments included. That is why
    these spans are made here and not by a general instrumentation of the driver.
    """
    pool.tracer = partial(_spanned, provider.get_tracer("holdfast.ledger"))


@contextmanager
def _spanned(tracer: Tracer, text: str) -> Iterator[None]:
    # Of a transaction's bounds the first word.
    name = _STATEMENT_NAMES.get(text, text.split(maxsplit=1)[0])
    attributes = {"db.system.name": "postgresql", "db.query.text": text}
    span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", getattr(error, "sqlstate", None) or type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        span.end()
