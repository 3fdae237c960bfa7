"""A checkout service that traces its own requests, as a program of its own.

python -m tests.monitoring.traced_shop CHECKOUT SKU PAYMENT
"""

from __future__ import annotations

import asyncio
import os
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from temporalio.client import Client
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin

from holdfast_client import ReservationClient
from tests.limits import HANG_SECONDS


async def main(checkout_id: str, sku: str, payment: str) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("shop")
    plugin = OpenTelemetryPlugin(add_temporal_spans=True)
    temporal = await Client.connect(os.environ["TEMPORAL_ADDRESS"], plugins=[plugin])
    shop = ReservationClient(temporal, answer_timeout_seconds=HANG_SECONDS)
    with tracer.start_as_current_span("POST /checkout"):
        print(await shop.reserve(checkout_id, [(sku, 1)], customer_id=payment))
    with tracer.start_as_current_span("POST /pay"):
        print(await shop.confirm(checkout_id, payment))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
