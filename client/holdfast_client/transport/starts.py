"""How a workflow of Holdfast is started: its id, its words for the Web UI, what it is found by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)

from holdfast_client.contract import names
from holdfast_client.contract.indexing import fitting, indexed_by
from holdfast_client.contract.messages import CheckoutRequest, StockAdjustment
from holdfast_client.contract.wording import (
    A_CART,
    buyer,
    cart_named,
    counted,
    duration,
    goods,
    summary,
    units,
)

CUSTOMER_ID_KEY: Final = SearchAttributeKey.for_keyword(names.CUSTOMER_ID_ATTRIBUTE)
CART_ID_KEY: Final = SearchAttributeKey.for_keyword(names.CART_ID_ATTRIBUTE)
SKUS_KEY: Final = SearchAttributeKey.for_keyword_list(names.SKUS_ATTRIBUTE)

_KEYS: Final[dict[str, SearchAttributeKey[Any]]] = {
    key.name: key for key in (CUSTOMER_ID_KEY, CART_ID_KEY, SKUS_KEY)
}

# A worker that dies or stops may take a task along that Temporal has just given it. Only when this
# is over is the task given to another, and a reserve older than the reserve budget holds nothing:
# the shopper who still waits has an answer if this is less.
TASK_TIMEOUT: Final = timedelta(seconds=8)

DETAIL_LINES_MAX: Final = 50
# Temporal documents 20,000 bytes for details.
_DETAILS_BYTES_MAX: Final = 16_000


def checkout_start(
    request: CheckoutRequest,
    payload: dict[str, Any],
    task_queue: str,
    *,
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE,
    private_metadata: bool = False,
) -> WithStartWorkflowOperation[Any, Any]:
    """Return the start of a checkout's workflow, to be sent together with its first update.

    Args:
        request: what is asked for.
        payload: the same, as it is sent.
        task_queue: where the workers listen.
        reuse: after which ends of its last run it may have another.
        private_metadata: name neither customer nor cart nor SKU outside the payload.
    """
    return WithStartWorkflowOperation(
        names.CHECKOUT_WORKFLOW,
        payload,
        id=names.checkout_workflow_id(request.checkout_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        search_attributes=checkout_attributes(request, private_metadata=private_metadata),
        task_timeout=TASK_TIMEOUT,
        priority=Priority(fairness_key=fairness_key(datetime.now(UTC))),
        static_summary=checkout_summary(request, private_metadata=private_metadata),
        static_details=None if private_metadata else checkout_details(request),
    )


def fairness_key(now: datetime) -> str:
    """Return what a checkout shares with those that start in the same minute.

    A Temporal that keeps task queues fair serves the minutes in turn. So when workflows of an hour
    ask to be served at once, after an outage perhaps, a shopper who comes now does not queue behind
    them all. Any other Temporal takes no notice of it.
    """
    return f"started {now:%Y-%m-%d %H:%M}"


def checkout_attributes(
    request: CheckoutRequest, *, private_metadata: bool = False
) -> TypedSearchAttributes:
    """Return what a checkout is found by, as far as Temporal has room for it.

    With private metadata nothing: Temporal never encrypts what it indexes.
    """
    indexed = {} if private_metadata else indexed_by(request)
    return TypedSearchAttributes(
        [SearchAttributePair(_KEYS[name], value) for name, value in indexed.items()]
    )


def checkout_summary(request: CheckoutRequest, *, private_metadata: bool = False) -> str:
    """Return the one line by which people know a checkout in the Web UI."""
    lines = request.normalized().lines
    ends = f", hold of {duration(request.hold_seconds)}"
    if private_metadata:
        return (A_CART if request.from_cart else units(lines)) + ends
    what = cart_named(str(request.cart_id)) if request.from_cart else goods(lines)
    return summary(f"{what}{buyer(request.customer_id)}{ends}")


def checkout_details(request: CheckoutRequest) -> str:
    """Return the lines of a checkout as a list, at most ``DETAIL_LINES_MAX`` of them."""
    lines = request.normalized().lines
    texts = [f"- {line.quantity:,} of `{line.sku}` at {line.location}" for line in lines]
    shown = fitting(texts, DETAIL_LINES_MAX, _DETAILS_BYTES_MAX)
    if len(shown) < len(texts):
        shown.append(f"- and {counted(len(texts) - len(shown), 'more line')}")
    return "\n".join(shown)


def adjustment_summary(change: StockAdjustment) -> str:
    """Return the one line by which people know a stock adjustment in the Web UI."""
    return summary(f"{change.kind} {change.quantity:,} of {change.sku}")
