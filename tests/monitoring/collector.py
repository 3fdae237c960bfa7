"""A small collector of traces: what is sent to it by OTLP over HTTP, it keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span as it was sent, with the service that sent it."""

    service: str
    name: str
    trace_id: str
    id: str
    parent_id: str
    attributes: dict[str, str]
    raw: str


@dataclass
class Collector:
    """What has arrived, in the order in which it came."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str, service: str | None = None) -> list[Span]:
        return [s for s in self.spans if s.name == name and service in {None, s.service}]

    def parent_of(self, span: Span) -> Span | None:
        return next((other for other in self.spans if other.id == span.parent_id), None)

    def line_of(self, span: Span) -> list[str]:
        """Return the names from the root down to a span."""
        parent = self.parent_of(span)
        return [*(self.line_of(parent) if parent else []), span.name]


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Collect on a free port until the block ends."""
    collector = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *words: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        Span(
            _texts(sent.resource.attributes).get("service.name", ""),
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            _texts(span.attributes),
            str(span),
        )
        for sent in request.resource_spans
        for scope in sent.scope_spans
        for span in scope.spans
    ]


def _texts(attributes: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in attributes}
