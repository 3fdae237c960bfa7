"""No message, however malformed, can wedge or fail a checkout."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from pydantic import BaseModel, ValidationError
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    Settlement,
    Shipment,
    StockAdjustment,
)
from tests.workflows.garbage import GARBAGE, NO_MESSAGE, Arguments, raw
from tests.workflows.histories import details_of, failed_tasks_of, kinds_of
from tests.workflows.stage import Stage
from tests.workflows.till import Till, failure_of, refusal_of, request
from tests.workflows.waiting import queried
from workflows.reconcile import ReconcileOptions

UPDATES: dict[str, type[BaseModel]] = {
    "confirm": Confirmation,
    "extend_hold": Extension,
    "cancel_hold": Cancellation,
    "fulfil": Shipment,
    "release": PartialRelease,
    "amend": Amendment,
    "payment_started": PaymentStarted,
    "payment_ended": PaymentEnded,
}
SIGNALS = {"extend": Extension, "cancel": Cancellation}
STARTS: dict[str, type[BaseModel]] = {
    "CheckoutWorkflow": CheckoutRequest,
    "AdjustStockWorkflow": StockAdjustment,
    "SettlementWorkflow": Settlement,
    "ReconcileWorkflow": ReconcileOptions,
}
EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
no_messages = pytest.mark.parametrize("arguments", NO_MESSAGE.values(), ids=NO_MESSAGE.keys())


@pytest.fixture(scope="module")
async def victim(stage: Stage) -> AsyncIterator[str]:
    """A held checkout that gets every bad message of this module, and can be paid after it all."""
    checkout_id = f"victim-{uuid.uuid4()}"
    held = await stage.till.reserve(checkout_id, {stage.stock(checkout_id, 5): 2})
    yield checkout_id
    report = await stage.till.status(checkout_id)
    assert report["expires_at"] == held["expires_at"]
    assert not await failed_tasks_of(stage.till.handle(checkout_id))
    assert (await stage.till.confirm(checkout_id))["status"] == "fulfilled"
    await stage.till.result(checkout_id)
    assert stage.shop.figures(checkout_id) == (3, 0, 3)


def is_legal(model: type[BaseModel], arguments: Arguments) -> bool:
    """Say whether generated garbage happens to be a message after all."""
    if len(arguments) != 1 or arguments[0].payload.metadata.get("encoding") != b"json/plain":
        return False
    try:
        model.model_validate_json(arguments[0].payload.data)
    except ValidationError:
        return False
    return True


async def rejected(till: Till, checkout_id: str, update: str, arguments: Arguments) -> str:
    """Send a bad update; return the field that is complained about."""
    refusal = await refusal_of(till.handle(checkout_id).execute_update(update, args=arguments))
    assert refusal.type == "InvalidRequest"
    field, problem = refusal.details
    assert problem
    assert refusal.message.endswith(str(problem))
    return str(field)


async def start(till: Till, workflow: str, arguments: Arguments) -> WorkflowHandle[Any, Any]:
    return await till.client.start_workflow(
        workflow, args=arguments, id=f"checkout/{uuid.uuid4()}", task_queue=till.task_queue
    )


# --- what is no message at all -------------------------------------------------------------------


@no_messages
async def test_an_update_that_is_no_message_is_rejected(
    till: Till, victim: str, arguments: Arguments
):
    for update in UPDATES:
        await rejected(till, victim, update, arguments)
    await rejected(till, victim, "reserved", arguments)


@no_messages
async def test_a_signal_that_is_no_message_is_noted_and_changes_nothing(
    stage: Stage, till: Till, unique: str, arguments: Arguments
):
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    before = await till.status(unique)
    handle = till.handle(unique)
    for signal in SIGNALS:
        await handle.signal(signal, args=arguments)
    await till.until_event(unique, "signal ignored", len(SIGNALS))
    after = await till.status(unique)
    assert {**after, "events": []} == {**before, "events": []}
    for signal, event in zip(SIGNALS, after["events"][1:], strict=True):
        assert event["event"] == "signal ignored"
        assert event["reason"].startswith(f"{signal}: ")
        assert event["reason"].isprintable()
    assert not await failed_tasks_of(handle)
    assert (await till.confirm(unique))["status"] == "fulfilled"


@no_messages
async def test_the_status_is_told_whatever_the_query_carries(
    till: Till, victim: str, arguments: Arguments
):
    report = await queried(till.handle(victim), args=arguments)
    assert report["status"] == "held"


@pytest.mark.parametrize(
    ("workflow", "arguments"),
    [
        pytest.param(workflow, arguments, id=f"{workflow} with {name}")
        for workflow in STARTS
        for name, arguments in NO_MESSAGE.items()
        if arguments or workflow != "ReconcileWorkflow"  # which needs no options
    ],
)
async def test_a_workflow_started_with_no_message_fails_and_says_why(
    till: Till, workflow: str, arguments: Arguments
):
    handle = await start(till, workflow, arguments)
    assert (await failure_of(handle.result())).type == "InvalidRequest"
    assert not await failed_tasks_of(handle)


async def test_signals_and_updates_that_do_not_exist_change_nothing(
    stage: Stage, till: Till, unique: str
):
    await till.reserve(unique, {stage.stock(unique, 5): 2})
    handle = till.handle(unique)
    for name in ("no_such", "x" * 900, "a\n| b |", "__strange"):
        await handle.signal(name, args=[1, raw(b"\xff", "binary/plain")])
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(name)
    await till.until_event(unique, "signal ignored", 3)
    assert all(event["reason"].isprintable() for event in (await till.status(unique))["events"])
    assert "\n| b |" not in await details_of(handle)
    assert not await failed_tasks_of(handle)
    assert (await till.confirm(unique))["status"] == "fulfilled"


async def test_a_start_with_two_payloads_cannot_pretend_to_be_held(
    stage: Stage, till: Till, unique: str
):
    sku = stage.stock(unique, 5)
    forged = {
        "held": {"status": "held", "expires_at": "2099-01-01T00:00:00Z", "lines": []},
        "wake_at": "2099-01-01T00:00:00Z",
        "events": [],
    }
    handle = await till.client.start_workflow(
        "CheckoutWorkflow",
        args=[request(unique, {sku: 1}), forged],
        id=f"checkout/{unique}",
        task_queue=till.task_queue,
    )
    assert (await failure_of(handle.result())).type == "InvalidRequest"


# --- what is nearly a message --------------------------------------------------------------------

BAD_REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "an empty cart": ("lines", {"lines": []}),
    "1,001 lines": ("lines", {"lines": [{"sku": "A", "quantity": 1}] * 1_001}),
    "a zero quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": 0}]}),
    "a negative quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": -1}]}),
    "a boolean quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": True}]}),
    "a fractional quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": 1.5}]}),
    "a quantity of 2.0": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": 2.0}]}),
    "a textual quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": "2"}]}),
    "a huge quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": 1_000_001}]}),
    "an endless quantity": ("lines[0].quantity", {"lines": [{"sku": "A", "quantity": 10**40}]}),
    "no quantity": ("lines[0].quantity", {"lines": [{"sku": "A"}]}),
    "the second line": (
        "lines[1].sku", {"lines": [{"sku": "A", "quantity": 1}, {"sku": "", "quantity": 1}]}
    ),
    "a SKU of 101 characters": ("lines[0].sku", {"lines": [{"sku": "x" * 101, "quantity": 1}]}),
    "a control character": ("lines[0].sku", {"lines": [{"sku": "A\x07", "quantity": 1}]}),
    "a SKU with spaces around": ("lines[0].sku", {"lines": [{"sku": " A", "quantity": 1}]}),
    "an empty location": (
        "lines[0].location", {"lines": [{"sku": "A", "quantity": 1, "location": ""}]}
    ),
    "an unknown key of a line": (
        "lines[0].colour", {"lines": [{"sku": "A", "quantity": 1, "colour": "red"}]}
    ),
    "no lines": ("lines", {"lines": None}),
    "an unknown field": ("colour", {"colour": "red"}),
    "a hold of zero seconds": ("hold_seconds", {"hold_seconds": 0}),
    "a hold of a week": ("hold_seconds", {"hold_seconds": 604_800}),
    "a hold of a day and a second": ("hold_seconds", {"hold_seconds": 86_401}),
    "a boolean hold": ("hold_seconds", {"hold_seconds": True}),
    "a fractional hold": ("hold_seconds", {"hold_seconds": 60.0}),
    "no hold": ("hold_seconds", {"hold_seconds": None}),
    "an empty customer id": ("customer_id", {"customer_id": ""}),
    "a customer id of 201 characters": ("customer_id", {"customer_id": "x" * 201}),
    "a numeric cart id": ("cart_id", {"cart_id": 42}),
    "an empty checkout id": ("checkout_id", {"checkout_id": ""}),
    "a checkout id of 201 characters": ("checkout_id", {"checkout_id": "x" * 201}),
    "a checkout id with a space": ("checkout_id", {"checkout_id": "a b"}),
    "a checkout id with a line break at its end": ("checkout_id", {"checkout_id": "a\n"}),
    "a numeric checkout id": ("checkout_id", {"checkout_id": 42}),
}  # fmt: skip
bad_requests = pytest.mark.parametrize(
    ("field", "change"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys()
)


@bad_requests
async def test_a_start_with_a_bad_field_fails_and_names_the_field(
    till: Till, unique: str, field: str, change: dict[str, Any]
):
    message = request(unique, {"A": 1}) | change
    handle = await till.client.start_workflow(
        "CheckoutWorkflow", message, id=f"checkout/{unique}", task_queue=till.task_queue
    )
    failure = await failure_of(handle.result())
    assert (failure.type, failure.details[0]) == ("InvalidRequest", field)
    kinds = await kinds_of(handle)
    assert kinds[-1] == "WORKFLOW_EXECUTION_FAILED"
    assert "WORKFLOW_TASK_FAILED" not in kinds


@pytest.mark.parametrize(
    ("field", "change"),
    # A workflow id cannot match a bad checkout id, so these cannot be sent in this way.
    [case for case in BAD_REQUESTS.values() if case[0] != "checkout_id"],
    ids=[name for name, case in BAD_REQUESTS.items() if case[0] != "checkout_id"],
)
async def test_a_bad_request_with_its_start_is_refused_by_field(
    till: Till, field: str, change: dict[str, Any]
):
    message = request(f"bad-{uuid.uuid4()}", {"A": 1}) | change
    refusal = await refusal_of(till.ask(message))
    assert (refusal.type, refusal.details[0]) == ("InvalidRequest", field)


BAD_UPDATES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("confirm", "payment_reference"): [
        {}, {"actor": "web"}, {"payment_reference": ""}, {"payment_reference": "x" * 501}
    ],
    ("confirm", "actor"): [{"payment_reference": "p", "actor": None}],
    ("confirm", "late"): [{"payment_reference": "p", "late": "perhaps"}],
    ("payment_started", "seconds"): [
        {"payment_reference": "p", "seconds": seconds} for seconds in (0, 3_601, True, None)
    ],
    ("payment_ended", "result"): [{"payment_reference": "p", "result": "settled"}],
    ("confirm", "paid"): [{"payment_reference": "p", "paid": True}],
    ("extend_hold", "seconds"): [
        {}, {"seconds": 0}, {"seconds": -60}, {"seconds": 86_401}, {"seconds": True},
        {"seconds": 60.0}, {"seconds": "60"}, {"seconds": None}, {"seconds": 10**30},
    ],
    ("extend_hold", "minutes"): [{"seconds": 60, "minutes": 1}],
    ("cancel_hold", "reason"): [{"reason": 1}, {"reason": "x" * 501}, {"reason": "\x1b[31m"}],
    ("cancel_hold", "why"): [{"why": "so"}],
    ("reserved", "lines"): [{"checkout_id": "a"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("update", "field", "message"),
    [(update, field, m) for (update, field), messages in BAD_UPDATES.items() for m in messages],
)
async def test_an_update_with_a_bad_field_is_rejected_by_field(
    till: Till, victim: str, update: str, field: str, message: dict[str, Any]
):
    assert await rejected(till, victim, update, [message]) == field


# --- what nobody thought of ----------------------------------------------------------------------


@EXAMPLES
@given(arguments=GARBAGE)
async def test_no_garbage_sent_to_a_checkout_does_anything(
    till: Till, victim: str, arguments: Arguments
):
    handle = till.handle(victim)
    for update, model in UPDATES.items():
        assume(not is_legal(model, arguments))
        await rejected(till, victim, update, arguments)
    await rejected(till, victim, "reserved", arguments)
    for signal in (*SIGNALS, "no_such_signal"):
        await handle.signal(signal, args=arguments)
    report = await queried(handle, args=arguments)
    assert report["status"] == "held"


@EXAMPLES
@given(arguments=GARBAGE)
@pytest.mark.parametrize("workflow", STARTS)
async def test_no_garbage_at_a_start_fails_a_workflow_task(
    till: Till, workflow: str, arguments: Arguments
):
    assume(not is_legal(STARTS[workflow], arguments))
    assume(arguments or workflow != "ReconcileWorkflow")
    handle = await start(till, workflow, arguments)
    failure = await failure_of(handle.result())
    assert isinstance(failure, ApplicationError)
    assert failure.type == "InvalidRequest"
    assert not await failed_tasks_of(handle)
