"""How long the current run is, how it came about, and when it must give way to the next."""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow

from holdfast_client.contract.outcomes import Committed
from workflows import policies
from workflows.lifecycle import Checkout


def is_long(checkout: Checkout) -> bool:
    """Say whether this run is long enough, or old enough, for a new run to take over."""
    info = workflow.info()
    return (
        info.is_continue_as_new_suggested()
        or info.get_current_history_length() > policies.HISTORY_EVENTS_MAX
        or (isinstance(checkout.outcome, Committed) and workflow.now() >= committed_until())
    )


def is_awaited() -> bool:
    """Say whether anybody can still wait for the decision: the run began not long ago."""
    waited = workflow.now() - workflow.info().workflow_start_time
    return waited <= policies.RESERVE_BUDGET


def is_overlong() -> bool:
    """Say whether this run is so long that it takes only messages that end it."""
    return workflow.info().get_current_history_length() > policies.HISTORY_EVENTS_REFUSING


def committed_until() -> datetime:
    """Return until when this run may have a committed checkout."""
    return workflow.info().start_time + policies.COMMITTED_RUN_MAX
