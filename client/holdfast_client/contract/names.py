"""Every Temporal name of Holdfast: what a program in any language has to spell the same way."""

from __future__ import annotations

from typing import Final

TASK_QUEUE: Final = "checkout"

CHECKOUT_WORKFLOW: Final = "CheckoutWorkflow"
ADJUST_STOCK_WORKFLOW: Final = "AdjustStockWorkflow"
RECONCILE_WORKFLOW: Final = "ReconcileWorkflow"
TIMELINE_WORKFLOW: Final = "TimelineWorkflow"
HOLDS_WORKFLOW: Final = "HoldsWorkflow"
SETTLEMENT_WORKFLOW: Final = "SettlementWorkflow"
REFUNDS_WORKFLOW: Final = "RefundsWorkflow"
REFUND_DONE_WORKFLOW: Final = "RefundDoneWorkflow"
RECONCILE_SCHEDULE_ID: Final = "holdfast-reconcile"

RESERVED_UPDATE: Final = "reserved"
CONFIRM_UPDATE: Final = "confirm"
EXTEND_UPDATE: Final = "extend_hold"
CANCEL_UPDATE: Final = "cancel_hold"
FULFIL_UPDATE: Final = "fulfil"
RELEASE_UPDATE: Final = "release"
AMEND_UPDATE: Final = "amend"
PAYMENT_STARTED_UPDATE: Final = "payment_started"
PAYMENT_ENDED_UPDATE: Final = "payment_ended"
EXTEND_SIGNAL: Final = "extend"
CANCEL_SIGNAL: Final = "cancel"
STATUS_QUERY: Final = "status"

CHECKOUT_STATUS_ATTRIBUTE: Final = "CheckoutStatus"
CUSTOMER_ID_ATTRIBUTE: Final = "CustomerId"
CART_ID_ATTRIBUTE: Final = "CartId"
SKUS_ATTRIBUTE: Final = "Skus"

SEARCH_ATTRIBUTE_TYPES: Final = {
    CHECKOUT_STATUS_ATTRIBUTE: "Keyword",
    CUSTOMER_ID_ATTRIBUTE: "Keyword",
    CART_ID_ATTRIBUTE: "Keyword",
    SKUS_ATTRIBUTE: "KeywordList",
}

# Temporal's own: the builds of the workers that have taken a workflow.
BUILD_IDS_ATTRIBUTE: Final = "BuildIds"

# Types of the application failures that cross Temporal.
INVALID_REQUEST: Final = "InvalidRequest"
CHECKOUT_CONFLICT: Final = "CheckoutConflict"
HOLD_NOT_ACTIVE: Final = "HoldNotActive"
EXTENSION_REFUSED: Final = "ExtensionRefused"
OPERATION_CONFLICT: Final = "OperationConflict"
OVER_OPEN: Final = "OverOpen"
AMENDMENT_REFUSED: Final = "AmendmentRefused"
REVISION_CONFLICT: Final = "RevisionConflict"
GRACE_REFUSED: Final = "GraceRefused"
PAYMENT_CONFLICT: Final = "PaymentConflict"
REFUND_NOT_DUE: Final = "RefundNotDue"
TOO_MANY_MESSAGES: Final = "TooManyMessages"
ADJUSTMENT_CONFLICT: Final = "AdjustmentConflict"
CHECKOUT_NOT_FOUND: Final = "CheckoutNotFound"
INVENTORY_UNAVAILABLE: Final = "InventoryUnavailable"

DEFAULT_LOCATION: Final = "main"

_CHECKOUT_PREFIX: Final = "checkout/"
_ADJUSTMENT_PREFIX: Final = "stock/"
_TIMELINE_PREFIX: Final = "timeline/"
_HOLDS_PREFIX: Final = "holds/"
_SETTLEMENT_PREFIX: Final = "settlement/"
_REFUNDS_PREFIX: Final = "refunds/"


def checkout_workflow_id(checkout_id: str) -> str:
    """Return the workflow id, which is also the reservation id, of a checkout."""
    return f"{_CHECKOUT_PREFIX}{checkout_id}"


def checkout_id_of(workflow_id: str) -> str:
    """Return the checkout id inside a workflow id that :func:`checkout_workflow_id` made."""
    return workflow_id.removeprefix(_CHECKOUT_PREFIX)


def adjustment_workflow_id(adjustment_id: str) -> str:
    """Return the workflow id of a stock adjustment."""
    return f"{_ADJUSTMENT_PREFIX}{adjustment_id}"


def timeline_workflow_id(checkout_id: str, question_id: str) -> str:
    """Return the workflow id of one question for the timeline of a checkout."""
    return f"{_TIMELINE_PREFIX}{checkout_id}/{question_id}"


def holds_workflow_id(question_id: str) -> str:
    """Return the workflow id of one question for open holds."""
    return f"{_HOLDS_PREFIX}{question_id}"


def refunds_workflow_id(question_id: str) -> str:
    """Return the workflow id of one question for refunds, or of one that is done."""
    return f"{_REFUNDS_PREFIX}{question_id}"


def settlement_workflow_id(checkout_id: str, word: str) -> str:
    """Return the workflow id of one settlement of a checkout."""
    return f"{_SETTLEMENT_PREFIX}{checkout_id}/{word}"
