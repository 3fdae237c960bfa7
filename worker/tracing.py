"""One trace from the shop's request through the workflow into the SQL.

Imported only where tracing is on: it needs packages that a worker can do without.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    StatusCode,
    TracerProvider,
    set_tracer_provider,
)
from sqlalchemy import Engine, event
from temporalio.client import Plugin
from temporalio.contrib.opentelemetry import (
    OpenTelemetryPlugin,
    ReplaySafeTracerProvider,
    create_tracer_provider,
)

from activities.inventory.database.engine import statement_engine
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
_SPAN: Final = "holdfast_span"
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

    def follow(self, engine: Engine) -> None:
        """Make a span of each statement on the engine."""
        trace_statements(engine, self.provider)

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


def trace_statements(engine: Engine, provider: TracerProvider) -> None:
    """Make a span of each statement on the engine, called as the ledger calls it.

    A span holds the text of the statement, which has no values in it, and of a failure the
    SQLSTATE alone: Postgres quotes whole rows in its messages, payments included. That is why
    these spans are made here and not by the general instrumentation of SQLAlchemy.
    """
    tracer = provider.get_tracer("holdfast.ledger")

    def begin(
        _connection: Any, _cursor: Any, text: str, _values: Any, context: Any, _many: bool
    ) -> None:
        # Of a transaction's bounds the first word.
        name = _STATEMENT_NAMES.get(text, text.split(maxsplit=1)[0])
        attributes = {"db.system.name": "postgresql", "db.query.text": text}
        span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        setattr(context, _SPAN, span)

    def end(
        _connection: Any, _cursor: Any, _text: str, _values: Any, context: Any, _many: bool
    ) -> None:
        _span_of(context).end()

    def fail(failure: Any) -> None:
        if failure.execution_context is None:
            return
        span = _span_of(failure.execution_context)
        code = getattr(failure.original_exception, "sqlstate", None)
        span.set_attribute("error.type", code or type(failure.original_exception).__name__)
        span.set_status(StatusCode.ERROR)
        span.end()

    traced = statement_engine(engine)
    event.listen(traced, "before_cursor_execute", begin)
    event.listen(traced, "after_cursor_execute", end)
    event.listen(traced, "handle_error", fail)


def _span_of(context: Any) -> Span:
    # What fails before it reaches the database has none.
    span: Span = getattr(context, _SPAN, INVALID_SPAN)
    return span
