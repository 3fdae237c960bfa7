"""How a workflow of Holdfast is started: its id, its story for the Web UI, what it is found by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
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

from holdfast_client import names
from holdfast_client.fields import excerpt
from holdfast_client.messages import CheckoutRequest, StockAdjustment
from holdfast_client.wording import buyer, counted, duration, goods, summary, units

STATUS_KEY: Final = SearchAttributeKey.for_keyword(names.CHECKOUT_STATUS_ATTRIBUTE)
CUSTOMER_ID_KEY: Final = SearchAttributeKey.for_keyword(names.CUSTOMER_ID_ATTRIBUTE)
CART_ID_KEY: Final = SearchAttributeKey.for_keyword(names.CART_ID_ATTRIBUTE)
SKUS_KEY: Final = SearchAttributeKey.for_keyword_list(names.SKUS_ATTRIBUTE)

INDEXED_SKUS_MAX: Final = 100
# Temporal refuses the whole start where one search attribute is larger than 2,048 bytes.
INDEXED_BYTES_MAX: Final = 2_000
DETAIL_LINES_MAX: Final = 50
# Temporal documents 20,000 bytes for details.
_DETAILS_BYTES_MAX: Final = 16_000
_SUMMARY_SKU_LENGTH_MAX: Final = 24


def checkout_start(
    request: CheckoutRequest,
    payload: dict[str, Any],
    task_queue: str,
    *,
    private_metadata: bool = False,
    status_attribute: bool = True,
) -> WithStartWorkflowOperation[Any, Any]:
    """Return the start of a checkout's workflow, to be sent together with its first update.

    Args:
        request: what is asked for.
        payload: the same, as it is sent.
        task_queue: where the workers listen.
        private_metadata: name neither customer nor cart nor SKU outside the payload.
        status_attribute: whether the workflow is to keep the search attribute CheckoutStatus.
    """
    return WithStartWorkflowOperation(
        names.CHECKOUT_WORKFLOW,
        payload,
        id=names.checkout_workflow_id(request.checkout_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=checkout_attributes(
            request, private_metadata=private_metadata, status_attribute=status_attribute
        ),
        memo=None if status_attribute else {names.STATUS_ATTRIBUTE_MEMO: False},
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
    request: CheckoutRequest, *, private_metadata: bool = False, status_attribute: bool = True
) -> TypedSearchAttributes:
    """Return what a checkout is found by, as far as Temporal has room for it.

    An id too large to be indexed is left out, and of the SKUs the first (in order) are indexed:
    at most ``INDEXED_SKUS_MAX`` and ``INDEXED_BYTES_MAX`` bytes. The request itself holds all.
    With private metadata it is found by its status alone: Temporal never encrypts what it indexes.
    """
    pairs: list[SearchAttributePair[Any]] = []
    if status_attribute:
        pairs.append(SearchAttributePair(STATUS_KEY, "pending"))
    if private_metadata:
        return TypedSearchAttributes(pairs)
    skus = sorted({line.sku for line in request.lines})
    pairs.append(SearchAttributePair(SKUS_KEY, _fitting(skus, INDEXED_SKUS_MAX, INDEXED_BYTES_MAX)))
    for key, party in ((CUSTOMER_ID_KEY, request.customer_id), (CART_ID_KEY, request.cart_id)):
        if party is not None and _json_bytes(party) <= INDEXED_BYTES_MAX:
            pairs.append(SearchAttributePair(key, party))
    return TypedSearchAttributes(pairs)


def checkout_summary(request: CheckoutRequest, *, private_metadata: bool = False) -> str:
    """Return the one line by which people know a checkout in the Web UI."""
    lines = request.normalized().lines
    ends = f", hold of {duration(request.hold_seconds)}"
    if private_metadata:
        return units(lines) + ends
    return summary(f"{goods(lines)}{buyer(request.customer_id)}{ends}")


def checkout_details(request: CheckoutRequest) -> str:
    """Return the lines of a checkout as a list, at most ``DETAIL_LINES_MAX`` of them."""
    lines = request.normalized().lines
    texts = [f"- {line.quantity:,} of `{line.sku}` at {line.location}" for line in lines]
    shown = _fitting(texts, DETAIL_LINES_MAX, _DETAILS_BYTES_MAX)
    if len(shown) < len(texts):
        shown.append(f"- and {counted(len(texts) - len(shown), 'more line')}")
    return "\n".join(shown)


def adjustment_summary(change: StockAdjustment) -> str:
    """Return the one line by which people know a stock adjustment in the Web UI."""
    return f"{change.kind} {change.quantity:,} of {excerpt(change.sku, _SUMMARY_SKU_LENGTH_MAX)}"


def _fitting(texts: Iterable[str], count_max: int, bytes_max: int) -> list[str]:
    """Return the first texts that fit both bounds once they are JSON."""
    fitting: list[str] = []
    room = bytes_max
    for text in islice(texts, count_max):
        room -= _json_bytes(text) + 1
        if room < 0:
            break
        fitting.append(text)
    return fitting


def _json_bytes(text: str) -> int:
    return len(json.dumps(text))
