"""What goes on beside a checkout's own workflow: when that is, and how it is asked for."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any, Final

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from holdfast_client.contract import names
from holdfast_client.contract.messages import Settlement
from holdfast_client.questions import Reserve, Update
from holdfast_client.transport.calls import sent
from holdfast_client.transport.failures import reading_failure_of

# Of the digest of a settlement's input, which names it.
_WORD: Final = 32


def resumption(checkout_id: str) -> Settlement:
    """Return the wish that what is open has a workflow again, and to be told where it stands."""
    return Settlement(checkout_id=checkout_id, operation="resume")


def is_to_be_settled(question: Update, result: Any) -> bool:
    """Say whether a message to a checkout that is over must reach the database.

    That is a payment which did not settle it: it is due back, makes the checkout anew, or has come
    to nothing.
    """
    settlement = question.settlement
    if settlement is None or not settlement.payment_reference or not isinstance(result, dict):
        return False
    return result.get("payment_reference") != settlement.payment_reference


async def settled(
    temporal: Client,
    task_queue: str,
    rpc_timeout: timedelta,
    question: Reserve | Update,
    wish: Settlement,
) -> dict[str, Any]:
    """Have it settled by a workflow of its own, once for what is wished.

    Raises:
        CheckoutNotFound: nobody knows the checkout that is to go on.
        PaymentConflict: the payment belongs to another checkout.
    """
    payload = wish.model_dump(mode="json")
    word = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()[:_WORD]
    try:
        handle = await sent(
            temporal.start_workflow(
                names.SETTLEMENT_WORKFLOW,
                payload,
                id=names.settlement_workflow_id(wish.checkout_id, word),
                task_queue=task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=rpc_timeout,
            )
        )
        answer: dict[str, Any] = await sent(handle.result(rpc_timeout=rpc_timeout))
    except WorkflowFailureError as error:
        raise reading_failure_of(question, error.cause) from error
    return answer
