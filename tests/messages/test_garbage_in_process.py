"""Thousands of bad messages through the workflow's own code, without a server.

12,000 spoiled messages from a seed, as many of each kind, and what Hypothesis makes up beside them.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import RawValue
from temporalio.worker import WorkflowInstanceDetails

from tests.messages.inside import Inside, learn_details
from tests.messages.mutations import MODELS, SIGNALS, STARTS, UPDATES, bad_messages, is_legal, legal
from tests.workflows.garbage import GARBAGE

SEED = 80
SIGNALS_SENT, UPDATES_SENT, STARTS_SENT = 4_000, 4_000, 4_000
EXAMPLES = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Made up by the thousand.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def details() -> dict[str, WorkflowInstanceDetails]:
    return {name: await learn_details(name) for name in STARTS}


@pytest.fixture
def held(details: dict[str, WorkflowInstanceDetails]) -> Inside:
    checkout = Inside(details["CheckoutWorkflow"])
    checkout.hold()
    return checkout


def refusal(commands: list[WorkflowCommand]) -> str:
    """Return the type of the failure by which an update is refused, and nothing else done."""
    (command,) = commands
    return command.update_response.rejected.application_failure_info.type


def ending(commands: list[WorkflowCommand]) -> str:
    """Return the type of the failure by which a workflow ends, and nothing else is done."""
    (command,) = commands
    return command.fail_workflow_execution.failure.application_failure_info.type


def told(checkout: Inside, arguments: list[RawValue]) -> Any:
    (command,) = checkout.query("status", arguments)
    return command.respond_to_query


def check(checkout: Inside, name: str, arguments: list[RawValue]) -> None:
    """Send it, and see that the checkout says no and does nothing."""
    if name in UPDATES:
        assert refusal(checkout.update(name, arguments)) == "InvalidRequest"
    else:
        assert checkout.signal(name, arguments) == []
    assert told(checkout, arguments).HasField("succeeded")


def test_bad_messages_by_the_thousand_command_nothing(held: Inside):
    for names, count in ((UPDATES, UPDATES_SENT), (SIGNALS, SIGNALS_SENT)):
        for name, arguments in bad_messages(SEED, names, count):
            check(held, name, arguments)


def test_bad_starts_by_the_thousand_end_at_once(details: dict[str, WorkflowInstanceDetails]):
    for name, arguments in bad_messages(SEED + 1, STARTS, STARTS_SENT):
        assert ending(Inside(details[name]).start(arguments)) == "InvalidRequest"


def test_a_checkout_that_could_not_begin_refuses_whatever_comes(
    details: dict[str, WorkflowInstanceDetails],
):
    for name, arguments in bad_messages(SEED + 2, UPDATES, 200):
        checkout = Inside(details["CheckoutWorkflow"])
        checkout.start([])
        assert refusal(checkout.update(name, arguments)) == "InvalidRequest"
        assert told(checkout, arguments).HasField("failed")


@EXAMPLES
@given(name=st.sampled_from((*UPDATES, *SIGNALS)), arguments=GARBAGE)
def test_nothing_that_can_be_made_up_does_anything(
    held: Inside, name: str, arguments: list[RawValue]
):
    assume(not is_legal(MODELS[name], arguments) or name == "no_such_signal")
    check(held, name, arguments)


@EXAMPLES
@given(name=st.sampled_from(STARTS), arguments=GARBAGE)
def test_no_start_that_can_be_made_up_goes_further(
    details: dict[str, WorkflowInstanceDetails], name: str, arguments: list[RawValue]
):
    assume(not is_legal(MODELS[name], arguments))
    assume(arguments or name != "ReconcileWorkflow")
    assert ending(Inside(details[name]).start(arguments)) == "InvalidRequest"


def test_a_good_message_does_something(held: Inside):
    """The control: what is refused above is refused for what it says."""
    (command,) = held.update("nothing", [])
    assert "nothing" in command.update_response.rejected.message
    (release,) = [
        c for c in held.signal("cancel", legal("cancel")) if c.HasField("schedule_local_activity")
    ]
    assert release.schedule_local_activity.activity_type == "release"
