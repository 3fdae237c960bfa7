"""By which conditions of Temporal's list filter checkouts are found: the one place for them. Pure.

The filter compares with fixed moments only, it knows no "an hour ago".
"""

from __future__ import annotations

from typing import Final

from holdfast_client.contract import names
from holdfast_client.contract.outcomes import FINAL_STATUSES, CheckoutStatus
from holdfast_client.contract.summaries import SummaryStatus


def quoted(text: str) -> str:
    """Return a text as a value of a condition."""
    return "'" + text.replace("'", "''") + "'"


CHECKOUTS: Final = f"WorkflowType = {quoted(names.CHECKOUT_WORKFLOW)}"
RUNNING: Final = "ExecutionStatus = 'Running'"
# What waits to be shipped may wait for long; what keeps no status is not known to.
NOT_COMMITTED: Final = (
    f"({names.CHECKOUT_STATUS_ATTRIBUTE} IS NULL "
    f"OR {names.CHECKOUT_STATUS_ATTRIBUTE} != 'committed')"
)
# Temporal's own: the workflow task failed or timed out several times in a row.
FAILING: Final = (
    "TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)
_INTERRUPTED: Final = "ExecutionStatus IN ('Canceled', 'Failed', 'Terminated', 'TimedOut')"


def standing(status: SummaryStatus) -> tuple[str, ...]:
    """Return the conditions of a checkout that stands so."""
    if status == "interrupted":
        return (_INTERRUPTED,)
    if status == "unknown":
        unkept = f"{names.CHECKOUT_STATUS_ATTRIBUTE} IS NULL"
        return (unkept, "ExecutionStatus IN ('Running', 'Completed')")
    if status in FINAL_STATUSES:
        return (_indexed(status),)
    # An interrupted checkout keeps the status it had last, and is no longer in it.
    return (_indexed(status), RUNNING)


def _indexed(status: CheckoutStatus) -> str:
    return f"{names.CHECKOUT_STATUS_ATTRIBUTE} = {quoted(status)}"
