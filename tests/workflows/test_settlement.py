"""What comes when a checkout's own workflow is gone: a payment, a cancellation, a parcel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from jsonschema import validate
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from holdfast_client.client import ReservationClient
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Unavailable
from schemas.__main__ import schemas
from tests.limits import HANG_SECONDS
from tests.workflows.blockade import blockade
from tests.workflows.histories import failed_tasks_of, kinds_of
from tests.workflows.stage import Stage
from tests.workflows.test_resets import reset
from tests.workflows.till import Till, failure_of, refusal_of, request
from tests.workflows.waiting import until


async def settle(stage: Stage, checkout_id: str, operation: str, **fields: Any) -> Any:
    return await stage.client.execute_workflow(
        "SettlementWorkflow",
        {"checkout_id": checkout_id, "operation": operation, **fields},
        id=f"settlement/{checkout_id}/{operation}-1",
        task_queue=stage.till.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )


async def pay(stage: Stage, checkout_id: str, payment: str = "", **fields: Any) -> Any:
    reference = payment or f"pay-{checkout_id}"
    answer = await settle(stage, checkout_id, "confirm", payment_reference=reference, **fields)
    assert (answer["operation"], answer["payment_reference"]) == ("confirm", reference)
    validate(answer, schemas()["settled"])
    return answer


async def terminated(stage: Stage, checkout_id: str, quantity: int = 2) -> str:
    sku = stage.stock(checkout_id, 5)
    await stage.till.reserve(checkout_id, {sku: quantity})
    await stage.till.handle(checkout_id).terminate("by hand")
    return sku


async def is_running(stage: Stage, checkout_id: str) -> bool:
    description = await stage.till.handle(checkout_id).describe()
    return description.status is WorkflowExecutionStatus.RUNNING


async def forget(stage: Stage, checkout_id: str) -> None:
    """Let Temporal forget a checkout, as after the retention period."""
    handle = stage.till.handle(checkout_id)
    await stage.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=stage.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
        )
    )

    async def is_gone() -> bool:
        try:
            await handle.describe()
        except RPCError:
            return True
        return False

    await until(is_gone)


async def test_a_hold_whose_workflow_was_terminated_is_paid_at_once(stage: Stage, unique: str):
    sku = await terminated(stage, unique)
    answer = await pay(stage, unique)
    assert (answer["status"], answer["reinstated"]) == ("fulfilled", False)
    assert stage.shop.figures(sku) == (3, 0, 3)


async def test_a_hold_whose_workflow_was_terminated_is_given_back_at_once(
    stage: Stage, unique: str
):
    sku = await terminated(stage, unique)
    answer = await settle(stage, unique, "cancel", reason="changed my mind", actor="sam")
    assert (answer["status"], answer["reason"], answer["operation"]) == (
        "cancelled",
        "changed my mind",
        "cancel",
    )
    assert stage.shop.figures(sku) == (5, 0, 5)
    assert await settle(stage, unique, "cancel") == answer
    assert (await settle(stage, unique, "resume"))["status"] == "cancelled"


async def test_what_is_committed_gets_a_workflow_again_which_takes_messages_as_ever(
    stage: Stage, unique: str
):
    till, sku = stage.till, await terminated(stage, unique)
    answer = await pay(stage, unique, settle="commit")
    assert answer["status"] == "committed"
    assert await is_running(stage, unique)
    await until(lambda: stands(stage, unique, "committed"))
    # Who reserves again is compared by digest.
    told = await till.reserve(unique, {sku: 2})
    assert told["status"] == "committed"
    other = await refusal_of(till.reserve(unique, {sku: 1}))
    assert (other.type, other.details[0]) == ("CheckoutConflict", {"differs": ["lines"]})
    await till.ship(unique, "s-1", {sku: 1})
    last = await till.ship(unique, "s-2")
    assert last["status"] == "fulfilled"
    assert await till.result(unique) == last
    assert await till.events(unique) == ["resumed", "committed", "shipped", "shipped", "fulfilled"]
    assert not await failed_tasks_of(till.handle(unique))


async def test_a_hold_that_is_resumed_ends_at_its_deadline(own_stage: Stage, unique: str):
    sku = await terminated(own_stage, unique)
    answer = await settle(own_stage, unique, "resume")
    assert (answer["status"], answer["operation"]) == ("held", "resume")
    await until(lambda: stands(own_stage, unique, "held"))
    own_stage.turn_clock(901)
    await own_stage.pass_time(own_stage.till.handle(unique), 901)
    assert (await own_stage.till.result(unique))["status"] == "expired"
    assert own_stage.shop.figures(sku) == (5, 0, 5)


async def test_a_webhook_that_comes_again_when_temporal_has_forgotten_gets_the_first_answer(
    stage: Stage, unique: str
):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    paid = await till.confirm(unique)
    await till.result(unique)
    await forget(stage, unique)
    assert await pay(stage, unique) == {**paid, "operation": "confirm"}
    second = await pay(stage, unique, f"second-{unique}", late="reinstate")
    assert (second["status"], second["reason"], second["standing"]) == (
        "refund_due",
        "duplicate",
        paid,
    )
    assert stage.shop.figures(sku) == (3, 0, 3)


@pytest.mark.parametrize("kept", [True, False])
async def test_a_late_payment_is_reinstated_and_what_it_committed_has_a_workflow(
    own_stage: Stage, unique: str, kept: bool
):
    stage, till = own_stage, own_stage.till
    sku = stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2}, hold_seconds=60)
    stage.turn_clock(61)
    await stage.pass_time(till.handle(unique), 61)
    await till.result(unique)
    if not kept:
        await forget(stage, unique)
    answer = await pay(stage, unique, settle="commit", late="reinstate")
    assert (answer["status"], answer["reinstated"]) == ("committed", True)
    assert await is_running(stage, unique)
    assert (await till.ship(unique, "s-1"))["reinstated"]
    assert stage.shop.figures(sku) == (3, 0, 3)
    assert stage.ledger.audit() == ()


async def test_a_late_payment_that_falls_short_is_due_back(stage: Stage, unique: str):
    sku = await terminated(stage, unique, 4)
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    await stage.till.reserve(f"{unique}-2", {sku: 2})
    answer = await pay(stage, unique, late="reinstate")
    assert (answer["status"], answer["reason"]) == ("refund_due", "expired")
    assert [(s["sku"], s["requested"], s["available"]) for s in answer["shortages"]] == [
        (sku, 4, 3)
    ]
    assert answer["standing"]["status"] == "expired"
    # What was told once is told for ever, also where all could be had by now.
    await stage.till.cancel(f"{unique}-2")
    assert await pay(stage, unique, late="reinstate") == answer


async def test_messages_that_wait_while_a_late_payment_is_reinstated_are_answered(
    own_stage: Stage, unique: str
):
    stage, till, sku = own_stage, own_stage.till, own_stage.stock(unique, 5)
    message = {"payment_reference": f"pay-{unique}", "settle": "commit", "late": "reinstate"}
    other = message | {"payment_reference": f"other-{unique}"}
    await till.reserve(unique, {sku: 2}, hold_seconds=900)
    with blockade(stage.shop, sku) as stranger:
        stage.turn_clock(901)
        await stage.pass_time(till.handle(unique), 901)
        # The run ends the hold by its own timer, and they come meanwhile.
        await stranger.until_waiting()
        wishes = (message, message, other)
        asking = [asyncio.create_task(till.update(unique, "confirm", m)) for m in wishes]
        await until(lambda: _accepted(till, unique, 1 + len(wishes)))
        stranger.lift()
        answers = await asyncio.wait_for(asyncio.gather(*asking), timeout=HANG_SECONDS)
    assert [answer["status"] for answer in answers] == ["committed"] * 3
    # Whichever of the two payments came first.
    told = [answer["duplicate_payment"] for answer in answers]
    assert told[0] is told[1] is not told[2]
    assert (await till.ship(unique, "s-1"))["status"] == "fulfilled"
    assert (await till.result(unique))["reinstated"]


async def _accepted(till: Till, checkout_id: str, count: int) -> bool:
    kinds = await kinds_of(till.handle(checkout_id))
    return kinds.count("WORKFLOW_EXECUTION_UPDATE_ACCEPTED") >= count


async def test_a_reset_of_what_was_reinstated_takes_nothing_again(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    assert stage.shop.expire(unique).status == "expired"
    message = {"payment_reference": f"pay-{unique}", "settle": "commit", "late": "reinstate"}
    assert (await till.update(unique, "confirm", message))["reinstated"]
    await reset(stage, unique)
    await until(lambda: stands(stage, unique, "committed"))
    assert stage.shop.figures(sku) == (5, 2, 3)
    assert stage.shop.payment(f"pay-{unique}") == (unique, "settled", "")
    assert (await till.ship(unique, "s-1"))["status"] == "fulfilled"
    kinds = [kind for kind, *_ in stage.shop.movements(unique)]
    assert kinds == ["reserve", "expire", "reserve", "fulfil"]
    # The reset itself is told as a task that failed.
    assert await failed_tasks_of(till.handle(unique)) == ["by hand"]


async def test_a_run_that_learns_too_late_of_the_end_goes_on_with_what_is_reinstated(
    stage: Stage, unique: str
):
    """The sweep was first, and the run has not woken yet."""
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    stage.shop.sql(
        "UPDATE holdfast.reservations SET expires_at = holdfast.clock() WHERE checkout_id = :id",
        id=unique,
    )
    assert stage.shop.expire(unique).status == "expired"
    message = {"payment_reference": f"pay-{unique}", "settle": "commit", "late": "reinstate"}
    answer = await till.update(unique, "confirm", message)
    assert (answer["status"], answer["reinstated"]) == ("committed", True)
    last = await till.ship(unique, "s-1")
    assert (last["status"], last["reinstated"]) == ("fulfilled", True)
    assert await till.result(unique) == last
    assert not await failed_tasks_of(till.handle(unique))


async def test_a_run_that_learns_too_late_of_the_end_says_why_a_payment_goes_back(
    stage: Stage, unique: str
):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    stage.shop.cancel(unique)
    message = {"payment_reference": f"pay-{unique}", "late": "reinstate"}
    answer = await till.update(unique, "confirm", message)
    validate(answer, schemas()["settled"])
    assert (answer["status"], answer["reason"], answer["standing"]["status"]) == (
        "refund_due",
        "cancelled",
        "cancelled",
    )
    assert (await till.result(unique))["status"] == "cancelled"


async def test_where_the_checkout_runs_after_all_the_answer_is_its_own(stage: Stage, unique: str):
    till, sku = stage.till, stage.stock(unique, 5)
    await till.reserve(unique, {sku: 2})
    await till.commit(unique)
    second = await pay(stage, unique, f"second-{unique}")
    assert (second["status"], second["duplicate_payment"]) == ("committed", True)
    assert "paid twice" in await till.events(unique)
    other = f"{unique}-2"
    await till.reserve(other, {sku: 1})
    failure = await failure_of(pay(stage, other, f"pay-{unique}"))
    assert (failure.type, failure.details[0]["checkout_id"]) == ("PaymentConflict", unique)
    assert (await settle(stage, unique, "cancel", reason="no"))["status"] == "cancelled"
    assert (await till.result(unique))["status"] == "cancelled"


async def test_what_nobody_knows_is_due_back_and_leaves_a_tombstone(stage: Stage, unique: str):
    answer = await pay(stage, unique, late="reinstate")
    assert (answer["status"], answer["reason"], answer["standing"]) == (
        "refund_due",
        "unknown_checkout",
        None,
    )
    sku = stage.stock(unique, 5)
    assert (await stage.till.reserve(unique, {sku: 1}))["status"] == "expired"
    # The run that was told so has ended; a tombstone counts as unknown, never as expired.
    await stage.till.result(unique)
    again = await pay(stage, unique, f"second-{unique}", late="reinstate")
    assert (again["reason"], again["standing"]) == ("unknown_checkout", None)
    failure = await failure_of(settle(stage, f"{unique}-no", "resume"))
    assert failure.type == "CheckoutNotFound"


async def test_what_nobody_knows_is_cancelled_and_a_reserve_in_flight_holds_nothing(
    stage: Stage, unique: str
):
    answer = await settle(stage, unique, "cancel", reason="gone", actor="sam")
    validate(answer, schemas()["settled"])
    assert (answer["status"], answer["reason"], answer["was_known"]) == ("cancelled", "gone", False)
    assert await settle(stage, unique, "cancel", reason="again") == answer
    sku = stage.stock(unique, 5)
    assert (await stage.till.reserve(unique, {sku: 1}))["status"] == "cancelled"
    await stage.till.result(unique)
    # A tombstone counts as unknown, whatever has left it.
    due = await pay(stage, unique, late="reinstate")
    assert (due["reason"], due["standing"]) == ("unknown_checkout", None)
    other = f"{unique}-paid"
    await pay(stage, other)
    told = await settle(stage, other, "cancel", reason="gone", actor="sam")
    assert (told["status"], told["reason"], told["was_known"]) == ("cancelled", "gone", False)
    assert stage.shop.figures(sku) == (5, 0, 5)


async def test_a_payment_of_what_nobody_waited_for_is_told_that_it_was_unavailable(
    stage: Stage, unique: str
):
    sku = stage.stock(unique, 5)
    stage.ledger.abandon(CheckoutRequest.model_validate(request(unique, {sku: 2})))
    answer = await pay(stage, unique, late="reinstate")
    assert (answer["reason"], answer["standing"]) == ("unavailable", {"status": "unavailable"})
    client = ReservationClient(
        stage.client, task_queue=stage.till.task_queue, answer_timeout_seconds=HANG_SECONDS
    )
    assert isinstance(await client.confirm(unique, f"second-{unique}"), Unavailable)
    assert stage.shop.figures(sku) == (5, 0, 5)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("payment_reference", {"operation": "confirm"}),
        ("payment_reference", {"operation": "payment_ended"}),
        ("payment_reference", {"operation": "cancel", "payment_reference": "p"}),
        ("late", {"operation": "confirm", "payment_reference": "p", "late": "never"}),
        ("operation", {"operation": "fulfil"}),
        ("surprise", {"operation": "resume", "surprise": 1}),
    ],
)
async def test_a_bad_settlement_is_refused_and_names_its_field(
    stage: Stage, unique: str, field: str, message: dict[str, Any]
):
    start = stage.client.execute_workflow(
        "SettlementWorkflow",
        {"checkout_id": unique, **message},
        id=f"settlement/{unique}/1",
        task_queue=stage.till.task_queue,
    )
    failure = await failure_of(start)
    assert (failure.type, failure.details[0]) == ("InvalidRequest", field)


@pytest.mark.parametrize("word", ["", "a b", "x" * 65, "a/b"])
async def test_a_settlement_has_a_word_for_a_name(stage: Stage, unique: str, word: str):
    start = stage.client.execute_workflow(
        "SettlementWorkflow",
        {"checkout_id": unique, "operation": "resume"},
        id=f"settlement/{unique}/{word}",
        task_queue=stage.till.task_queue,
    )
    failure = await failure_of(start)
    assert (failure.type, failure.details[0]) == ("InvalidRequest", "checkout_id")


async def stands(stage: Stage, checkout_id: str, status: str) -> bool:
    found: str = (await stage.till.status(checkout_id))["status"]
    return found == status
