"""Marked secrets go in everywhere; nothing that is printed or recorded of trouble holds them."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import make_url
from temporalio.client import Client

from activities.inventory.database.errors import LedgerFailed
from activities.inventory.records import Closing, StockRow
from holdfast_client import (
    Cancelled,
    Denied,
    Fulfilled,
    Held,
    HoldfastError,
    InvalidRequest,
    ReservationClient,
)
from holdfast_client.answers import (
    adjustment_outcome_of,
    final_outcome_of,
    held_of,
    of_open,
    outcome_of,
    report_of,
    settled_of,
)
from holdfast_client.contract.messages import Confirmation, Extension
from holdfast_client.questions import Reply, Update
from holdfast_client.transport.connection import connected
from tests.inventory.databases import administer
from tests.inventory.shop import checkout
from tests.limits import HANG_SECONDS
from tests.security.test_roles import worker_ledger
from tests.worker.conftest import ROOT, Operator
from tests.worker.test_processes import _wait_ready, running
from tests.workflows.waiting import until
from worker.embedded.temporal import EmbeddedTemporal

__all__ = ["worker_ledger"]

DATABASE_PASSWORD: Final = "GEHEIM-database-password"
API_KEY: Final = "GEHEIM-api-key"
ENCRYPTION_SECRET: Final = base64.b64encode(b"GEHEIM-key-of-thirty-two-bytes!!").decode()
CUSTOMER: Final = "GEHEIM-customer"
CART: Final = "GEHEIM-cart"
PAYMENT: Final = "GEHEIM-payment"
REASON: Final = "GEHEIM-reason"
CREDENTIALS: Final = (DATABASE_PASSWORD, API_KEY, ENCRYPTION_SECRET)
PERSONAL: Final = (CUSTOMER, CART, PAYMENT, REASON)
NOBODY_PAYS: Final = "CHECK (payment_reference IS NULL)"


@pytest.fixture
def database_url(own_database_url: str) -> Any:
    """The URL of a superuser with a marked password."""
    administer(own_database_url, "CREATE ROLE {name} SUPERUSER LOGIN", name="marked")
    with psycopg.connect(own_database_url, autocommit=True) as link:
        link.execute(f"ALTER ROLE marked PASSWORD '{DATABASE_PASSWORD}'")
    changed = make_url(own_database_url).set(username="marked", password=DATABASE_PASSWORD)
    yield changed.render_as_string(hide_password=False)
    administer(own_database_url, "DROP ROLE {name}", name="marked")


@pytest.fixture
def marked(database_url: str, own_temporal: EmbeddedTemporal) -> Operator:
    """An operator all of whose credentials are marked, at the most talkative level."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "HOLDFAST_"))}
    return Operator(
        {
            **plain,
            "HOLDFAST_DATABASE_URL": database_url,
            "HOLDFAST_STARTUP_WAIT_SECONDS": str(HANG_SECONDS),
            "HOLDFAST_LOG_LEVEL": "debug",
            "TEMPORAL_ADDRESS": own_temporal.address,
            "TEMPORAL_API_KEY": API_KEY,
            "TEMPORAL_TLS": "false",
        }
    )


def found_in(text: str, secrets: tuple[str, ...]) -> list[str]:
    return [secret for secret in secrets if secret in text]


async def _live(shop: ReservationClient, temporal: Client, sku: str) -> None:
    parties: dict[str, Any] = {"customer_id": CUSTOMER, "cart_id": CART}
    for end in ("paid", "cancelled"):
        assert isinstance(await shop.reserve(f"{sku}-{end}", [(sku, 1)], **parties), Held)
    assert isinstance(await shop.reserve(f"{sku}-denied", [(sku, 99)], **parties), Denied)
    await shop.extend(f"{sku}-paid", 60, reason=REASON, actor=REASON)
    cancelled = await shop.cancel(f"{sku}-cancelled", reason=REASON, actor=REASON)
    assert isinstance(cancelled, Cancelled)
    handle = temporal.get_workflow_handle(f"checkout/{sku}-paid")
    await handle.signal("cancel", {"payment_reference": PAYMENT})
    await handle.signal(REASON, PAYMENT)


@pytest.mark.parametrize("format", ["text", "json"])
async def test_a_worker_at_debug_level_writes_neither_credentials_nor_customers(
    marked: Operator, database_url: str, unique: str, format: str
):
    temporal = await connected(marked.environment["TEMPORAL_ADDRESS"], None, HANG_SECONDS)
    shop = ReservationClient(temporal, answer_timeout_seconds=HANG_SECONDS)
    with running(marked, HOLDFAST_LOG_FORMAT=format) as worker:
        _wait_ready(worker)
        await shop.adjust_stock(unique, unique, "receive", 5, reason=REASON)
        await _live(shop, temporal, unique)
        with psycopg.connect(database_url, autocommit=True) as link:
            link.execute(f"ALTER TABLE holdfast.reservations ADD CONSTRAINT x {NOBODY_PAYS}")
            paying = asyncio.create_task(shop.confirm(f"{unique}-paid", PAYMENT))
            handle = temporal.get_workflow_handle(f"checkout/{unique}-paid")
            failure = await until(lambda: _pending_failure(handle))
            link.execute("ALTER TABLE holdfast.reservations DROP CONSTRAINT x")
        assert isinstance(await paying, Fulfilled)
        worker.terminate()
        out, errors = await asyncio.to_thread(worker.communicate, timeout=HANG_SECONDS)
    assert worker.returncode == 0
    assert f"{unique}-paid" in errors
    assert "violates check constraint" in errors
    assert found_in(out + errors + failure, CREDENTIALS + PERSONAL) == []


async def _pending_failure(handle: Any) -> str:
    pending = (await handle.describe()).raw_description.pending_activities
    return str(pending[0].last_failure) if pending and pending[0].attempt > 1 else ""


def test_an_error_that_nobody_foresaw_holds_no_row(own_database_url: str, worker_ledger: Any):
    worker_ledger.load_stock([StockRow("MUG", "main", 5)])
    worker_ledger.reserve([checkout("c1", MUG=1)])
    with psycopg.connect(own_database_url) as link:
        link.execute(f"ALTER TABLE holdfast.reservations ADD CONSTRAINT x {NOBODY_PAYS}")
    with pytest.raises(LedgerFailed) as failed:
        worker_ledger.close([Closing("c1", "fulfilled", payment_reference=PAYMENT)])
    assert 'violates check constraint "x"' in str(failed.value)
    assert PAYMENT not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


UNKNOWN: Final[dict[str, Any]] = {
    "incomplete": {"status": "fulfilled", "payment_reference": PAYMENT, "actor": REASON},
    "a list": [PAYMENT, CUSTOMER],
    "a text": PAYMENT,
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_answer_that_a_client_cannot_read_is_told_by_its_shape_alone(answer: Any):
    readers: list[Callable[[Any], Any]] = [outcome_of, final_outcome_of, held_of, report_of]
    # What an adjustment is not answered with is to it a word of a later version.
    readers += [] if isinstance(answer, dict) else [adjustment_outcome_of]
    for read in readers:
        with pytest.raises(HoldfastError, match="same version") as refused:
            read(answer)
        told = "".join(traceback.format_exception(refused.value))
        assert found_in(told, PERSONAL) == []
    if isinstance(answer, dict):
        assert answer["status"] in str(refused.value)
        assert "payment_reference" in str(refused.value)


LATER: Final = {"status": "backordered", "payment_reference": PAYMENT, "actor": [REASON]}


PAYING: Final = Update("c", "confirm", Confirmation(payment_reference=PAYMENT))


def settlement_of(answer: Any) -> Any:
    """Read what a payment led to."""
    return settled_of(Reply(answer, is_result=False), PAYING, None)


@pytest.mark.parametrize(
    "read", [outcome_of, final_outcome_of, settlement_of, adjustment_outcome_of]
)
def test_an_answer_of_a_later_version_shows_its_keys_and_not_what_is_in_them(read: Any):
    outcome = read(LATER)
    assert outcome.payment_reference == PAYMENT
    for told in (repr(outcome), str(outcome), f"{[outcome]}"):
        assert "backordered" in told
        assert "payment_reference" in told
        assert found_in(told, PERSONAL) == []


def test_an_error_over_an_answer_of_a_later_version_does_not_repeat_it():
    asked = Update("c", "extend_hold", Extension(seconds=60))
    refusals: tuple[Callable[[], Any], ...] = (
        lambda: held_of(LATER),
        lambda: report_of(LATER),
        lambda: of_open(Reply(LATER, is_result=True), asked, "nothing of it is open"),
    )
    for refusal in refusals:
        with pytest.raises(HoldfastError, match="backordered") as refused:
            refusal()
        told = "".join(traceback.format_exception(refused.value))
        assert found_in(told, PERSONAL) == []


WRONG: Final[dict[str, Mapping[str, str]]] = {
    "a wrong password": {},
    "no such host": {"HOLDFAST_DATABASE_URL": f"postgresql://u:{DATABASE_PASSWORD}@no.invalid/x"},
    "no Postgres there": {
        "HOLDFAST_DATABASE_URL": f"postgresql://u:{DATABASE_PASSWORD}@127.0.0.1:1/x"
    },
    "no URL": {"HOLDFAST_DATABASE_URL": DATABASE_PASSWORD},
    "no port": {"HOLDFAST_DATABASE_URL": f"postgresql://u:{DATABASE_PASSWORD}@h:port/x"},
    "an unknown option": {
        "HOLDFAST_DATABASE_URL": f"postgresql://u:{DATABASE_PASSWORD}@127.0.0.1:1/x?colour=red"
    },
    "bad keys": {"HOLDFAST_ENCRYPTION_KEYS": f"{ENCRYPTION_SECRET}"},
    "short keys": {"HOLDFAST_ENCRYPTION_KEYS": f"a:{ENCRYPTION_SECRET[:-4]}"},
    "no Temporal": {"TEMPORAL_ADDRESS": "127.0.0.1:1"},
    "TLS where there is none": {"TEMPORAL_TLS": "true"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_no_error_of_the_worker_tells_a_credential(marked: Operator, wrong: Mapping[str, str]):
    url = make_url(marked.environment["HOLDFAST_DATABASE_URL"])
    refused = url.set(username="test_worker").render_as_string(hide_password=False)
    changes = {"HOLDFAST_STARTUP_WAIT_SECONDS": "0", **wrong}
    if not wrong:
        changes["HOLDFAST_DATABASE_URL"] = refused
    for words in (("health",), ()):
        told = marked.run(*words, **changes)
        assert told.returncode in {1, 2, 3}, told.stderr
        assert told.stderr
        assert found_in(told.stdout + told.stderr, CREDENTIALS) == []


CLI: Final = "import sys; from holdfast_client.cli import main; sys.exit(main())"


def _holdfast(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CLI, *words],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"TEMPORAL_ADDRESS": "127.0.0.1:1"},
        {"TEMPORAL_NAMESPACE": "no-such-namespace"},
        {"TEMPORAL_TLS": "true"},
        {"HOLDFAST_ENCRYPTION_KEYS": ENCRYPTION_SECRET},
        {"HOLDFAST_PRIVATE_METADATA": "perhaps"},
        {},
    ],
    ids=lambda wrong: next(iter(wrong), "no such checkout"),
)
@pytest.mark.parametrize("style", [("--json",), ()], ids=["json", "text"])
def test_no_error_of_the_command_line_tells_a_credential(
    marked: Operator, wrong: Mapping[str, str], style: tuple[str, ...]
):
    environment = {
        **marked.environment,
        "HOLDFAST_ENCRYPTION_KEYS": f"2025:{ENCRYPTION_SECRET}",
        **wrong,
    }
    told = _holdfast(environment, "status", "no-such-checkout", "--timeout", "2", *style)
    assert told.returncode in {1, 2, 3}, told.stderr
    assert "Traceback" not in told.stderr
    assert found_in(told.stdout + told.stderr, CREDENTIALS) == []


async def test_what_is_refused_is_not_repeated_in_the_refusal():
    with pytest.raises(InvalidRequest) as refused:
        await ReservationClient.confirm(object.__new__(ReservationClient), "c", PAYMENT + "\x00")
    assert PAYMENT not in str(refused.value)
