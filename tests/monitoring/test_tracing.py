"""One trace from a shop's request through the workflow into the SQL, as a collector sees it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Final

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from activities.inventory.async_ledger import AsyncLedger
from activities.inventory.database.errors import LedgerFailed
from activities.inventory.database.pool import LedgerPool
from activities.inventory.records import Closing, StockRow
from tests.inventory.shop import checkout
from tests.limits import HANG_SECONDS
from tests.monitoring.collector import Collector, running_collector
from tests.monitoring.conftest import opened_ledger
from tests.worker.conftest import ROOT, Operator
from tests.worker.test_processes import _wait_ready, running
from worker.tracing import trace_statements

SKU: Final = "GEHEIM-sku"
CHECKOUT: Final = "traced"
PAYMENT: Final = "GEHEIM-payment"
NOBODY_PAYS: Final = "CHECK (payment_reference IS NULL) NOT VALID"
WORKER: Final = "holdfast-worker"
SHOP: Final = "a-shop"
WITHOUT_THE_EXTRA: Final = """
import sys
sys.modules["opentelemetry"] = None
from worker.commands import main
main()
"""


@pytest.fixture(scope="module")
async def collector(operator: Operator, own_database_url: str) -> AsyncIterator[Collector]:
    """What was collected when a shop reserved and confirmed, once all had ended."""
    with opened_ledger(own_database_url) as ledger, running_collector() as collector:
        ledger.load_stock([StockRow(SKU, "main", 10)])
        sending = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        with running(operator, HOLDFAST_TRACING="on", **sending) as worker:
            await asyncio.to_thread(_wait_ready, worker)
            bought = await asyncio.to_thread(_buy, operator, OTEL_SERVICE_NAME=SHOP, **sending)
            assert "status='fulfilled'" in bought, bought
            worker.terminate()
            await asyncio.to_thread(worker.wait, HANG_SECONDS)
        yield collector


def _buy(operator: Operator, **changes: str) -> str:
    words = ("-m", "tests.monitoring.traced_shop", CHECKOUT, SKU, PAYMENT)
    told = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**operator.environment, "PYTHONPATH": os.pathsep.join(sys.path), **changes},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return told.stdout + told.stderr


async def test_a_reserve_is_one_trace_from_the_shop_to_the_sql(collector: Collector):
    (statement,) = [
        span
        for span in collector.named("RESERVE_WHAT_FITS", WORKER)
        if "RunActivity:reserve" in collector.line_of(span)
    ]
    assert collector.line_of(statement) == [
        "POST /checkout",
        "StartUpdateWithStartWorkflow:CheckoutWorkflow",
        "RunWorkflow:CheckoutWorkflow",
        "StartActivity:reserve",
        "RunActivity:reserve",
        "RESERVE_WHAT_FITS",
    ]
    (request,) = collector.named("POST /checkout", SHOP)
    assert statement.trace_id == request.trace_id


async def test_the_update_that_comes_with_the_start_is_in_the_same_trace(collector: Collector):
    (handler,) = collector.named("HandleUpdate:reserved", WORKER)
    assert collector.line_of(handler)[:2] == [
        "POST /checkout",
        "StartUpdateWithStartWorkflow:CheckoutWorkflow",
    ]


async def test_a_payment_is_traced_to_the_handler_that_answers_it(collector: Collector):
    (handler,) = collector.named("HandleUpdate:confirm", WORKER)
    assert collector.line_of(handler) == [
        "POST /pay",
        "StartWorkflowUpdate:confirm",
        "HandleUpdate:confirm",
    ]
    assert handler.attributes["temporalWorkflowID"] == f"checkout/{CHECKOUT}"


async def test_the_sql_of_a_payment_is_in_the_trace_of_its_checkout(collector: Collector):
    (statement,) = [
        span
        for span in collector.named("CLOSE", WORKER)
        if "RunActivity:fulfil" in collector.line_of(span)
    ]
    assert collector.line_of(statement)[0] == "POST /checkout"


async def test_no_span_of_the_worker_holds_a_value_of_a_statement(collector: Collector):
    ours = [span for span in collector.spans if span.service == WORKER]
    assert "reserve_what_fits(" in "".join(s.attributes.get("db.query.text", "") for s in ours)
    assert [span.name for span in ours if PAYMENT in span.raw or SKU in span.raw] == []


async def test_a_statement_that_fails_is_traced_without_the_row_that_postgres_quotes(
    own_database_url: str,
):
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    pool = LedgerPool(own_database_url, connections_max=1)
    trace_statements(pool, provider)
    with opened_ledger(own_database_url) as ledger:
        ledger.load_stock([StockRow("PEN", "main", 5)])
        ledger.reserve([checkout("c1", PEN=1)])
    with psycopg.connect(own_database_url, autocommit=True) as link:
        link.execute(f"ALTER TABLE holdfast.reservations ADD CONSTRAINT x {NOBODY_PAYS}")
        with pytest.raises(LedgerFailed):
            await AsyncLedger(pool).close(
                [Closing("c1", "fulfilled", payment_reference=f"{PAYMENT}-2")]
            )
        link.execute("ALTER TABLE holdfast.reservations DROP CONSTRAINT x")
    await pool.close()
    (failed,) = [span for span in kept.get_finished_spans() if not span.status.is_ok]
    assert (failed.name, (failed.attributes or {})["error.type"]) == ("CLOSE", "23514")
    assert PAYMENT not in "".join(span.to_json() for span in kept.get_finished_spans())


def test_tracing_without_its_packages_says_what_to_install(operator: Operator):
    for tracing, code, word in (("on", 2, "pip install"), ("off", 3, "")):
        told = subprocess.run(
            [sys.executable, "-c", WITHOUT_THE_EXTRA],
            cwd=ROOT,
            env={
                **operator.environment,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "HOLDFAST_TRACING": tracing,
                "HOLDFAST_STARTUP_WAIT_SECONDS": "0",
                "HOLDFAST_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
            },
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert told.returncode == code, told.stderr
        assert word in told.stderr
        assert "Traceback" not in told.stderr
