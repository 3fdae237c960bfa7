"""Lists of checkouts over Temporal's visibility store: the query, and its rows read back. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from temporalio.client import WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from holdfast_client.contract import names
from holdfast_client.contract.outcomes import FINAL_STATUSES
from holdfast_client.contract.summaries import CheckoutFilter, CheckoutSummary, SummaryStatus
from holdfast_client.transport.conditions import CHECKOUTS, quoted, standing
from holdfast_client.transport.starts import CART_ID_KEY, CUSTOMER_ID_KEY, SKUS_KEY

_STATUS_KEY: Final = SearchAttributeKey.for_keyword(names.CHECKOUT_STATUS_ATTRIBUTE)
_BUILD_IDS_KEY: Final = SearchAttributeKey.for_keyword_list(names.BUILD_IDS_ATTRIBUTE)
_INTERRUPTED: Final = frozenset(
    {
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)


def visibility_query(wanted: CheckoutFilter) -> str:
    """Return the filter as a query of Temporal's visibility store."""
    conditions = [
        CHECKOUTS,
        # An earlier run of the same checkout, which its present run stands for.
        "ExecutionStatus != 'ContinuedAsNew'",
        *(standing(wanted.status) if wanted.status is not None else ()),
    ]
    for attribute, text in (
        (names.CUSTOMER_ID_ATTRIBUTE, wanted.customer_id),
        (names.CART_ID_ATTRIBUTE, wanted.cart_id),
        (names.SKUS_ATTRIBUTE, wanted.sku),
    ):
        if text is not None:
            conditions.append(f"{attribute} = {quoted(text)}")
    if wanted.started_after is not None:
        conditions.append(f"StartTime >= {_moment(wanted.started_after)}")
    if wanted.started_before is not None:
        conditions.append(f"StartTime < {_moment(wanted.started_before)}")
    return " AND ".join(conditions)


def summary_of(execution: WorkflowExecution) -> CheckoutSummary:
    """Return one row of a list from what the visibility store says."""
    attributes = execution.typed_search_attributes
    return CheckoutSummary(
        checkout_id=names.checkout_id_of(execution.id),
        status=_status(execution),
        customer_id=attributes.get(CUSTOMER_ID_KEY),
        cart_id=attributes.get(CART_ID_KEY),
        skus=tuple(attributes.get(SKUS_KEY) or ()),
        started_at=execution.start_time,
        closed_at=execution.close_time,
    )


def _status(execution: WorkflowExecution) -> SummaryStatus | str:
    """Return where a checkout stands, by the rules of `conditions.py`."""
    indexed = execution.typed_search_attributes.get(_STATUS_KEY)
    if execution.status in _INTERRUPTED:
        return indexed if indexed in FINAL_STATUSES else "interrupted"
    if execution.status == WorkflowExecutionStatus.COMPLETED:
        return "fulfilled" if indexed in {None, "committed"} else str(indexed)
    taken = execution.typed_search_attributes.get(_BUILD_IDS_KEY)
    return indexed or ("held" if taken else "pending")


def _moment(moment: datetime) -> str:
    return quoted(moment.isoformat(timespec="microseconds").replace("+00:00", "Z"))
