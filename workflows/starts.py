"""How a run of a checkout begins: asked for, carried over from the run before, or resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import RawValue

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.messages import CheckoutRequest, Resumed
from holdfast_client.contract.names import checkout_workflow_id
from workflows import policies
from workflows.carried import CarriedState
from workflows.lifecycle import Checkout
from workflows.payloads import read_message


def read_start(payloads: Sequence[RawValue]) -> Checkout:
    """Read the request, or which attempt to go on with, and what a run before has handed over."""
    continued = workflow.info().continued_run_id is not None
    first = payloads[:1] if continued else payloads
    is_resumed = len(first) == 1 and _names_an_attempt(first[0].payload.data)
    start: CheckoutRequest | Resumed = (
        read_message(Resumed, first) if is_resumed else read_message(CheckoutRequest, first)
    )
    expected = checkout_workflow_id(start.checkout_id)
    if workflow.info().workflow_id != expected:
        raise InvalidRequest("checkout_id", f"the workflow id must be {expected}")
    carried = (
        read_message(CarriedState, payloads[1:], policies.RUN_INPUT_BYTES_MAX)
        if continued
        else None
    )
    if isinstance(start, Resumed):
        checkout = Checkout.of_ledger(start)
        if carried:
            return Checkout.resumed(checkout.request, carried, start.resume)
        return checkout
    return Checkout.resumed(start, carried) if carried else Checkout(start)


def _names_an_attempt(data: bytes) -> bool:
    """Say whether a start is of a run that goes on; one that cannot be read is none."""
    if b'"resume"' not in data:
        return False
    try:
        document = json.loads(data)
    except ValueError:
        return False
    return isinstance(document, dict) and "resume" in document
