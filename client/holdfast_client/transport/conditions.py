"""By which conditions of Temporal's list filter checkouts are found: the one place for them. Pure.

The filter compares with fixed moments only, it knows no "an hour ago".
"""

from __future__ import annotations

from typing import Final

from holdfast_client.contract import names
from holdfast_client.contract.summaries import SummaryStatus


def quoted(text: str) -> str:
    """Return a text as a value of a condition."""
    return "'" + text.replace("'", "''") + "'"


CHECKOUTS: Final = f"WorkflowType = {quoted(names.CHECKOUT_WORKFLOW)}"
RUNNING: Final = "ExecutionStatus = 'Running'"
COMPLETED: Final = "ExecutionStatus = 'Completed'"
# The status is set only where a checkout is not as usual.
_USUAL: Final = f"{names.CHECKOUT_STATUS_ATTRIBUTE} IS NULL"
# What waits to be shipped may wait for long.
NOT_COMMITTED: Final = f"({_USUAL} OR {names.CHECKOUT_STATUS_ATTRIBUTE} != 'committed')"
# Temporal sets it by itself, once a worker has taken the workflow.
_TAKEN: Final = f"{names.BUILD_IDS_ATTRIBUTE} IS NOT NULL"
_NOT_TAKEN: Final = f"{names.BUILD_IDS_ATTRIBUTE} IS NULL"
# Temporal's own: the workflow task failed or timed out several times in a row.
FAILING: Final = (
    "TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)
_INTERRUPTED: Final = "ExecutionStatus IN ('Canceled', 'Failed', 'Terminated', 'TimedOut')"


def standing(status: SummaryStatus) -> tuple[str, ...]:
    """Return the conditions of a checkout that stands so."""
    indexed = f"{names.CHECKOUT_STATUS_ATTRIBUTE} = {quoted(status)}"
    match status:
        case "interrupted":
            return (_INTERRUPTED,)
        case "pending":
            # The database is slow, or no worker has taken it yet.
            return (RUNNING, f"({indexed} OR ({_USUAL} AND {_NOT_TAKEN}))")
        case "held":
            return (RUNNING, _USUAL, _TAKEN)
        case "committed":
            # An interrupted checkout keeps the status it had last, and is no longer in it.
            return (RUNNING, indexed)
        case "fulfilled":
            # What was committed first still says so.
            committed = f"{names.CHECKOUT_STATUS_ATTRIBUTE} = 'committed'"
            return (COMPLETED, f"({_USUAL} OR {committed})")
        case _:
            return (indexed,)
