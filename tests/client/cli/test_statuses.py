"""What the statuses of shops mean: those of each system, and how people write a reason."""

from __future__ import annotations

import pytest

from holdfast_client.cli.orders.statuses import Meaning, is_no_sale, meaning_of

# By system: what is a sale, what is none, and what a person has to decide.
STATUSES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "Shopify": (
        (
            "pending",
            "authorized",
            "partially_paid",
            "Payment pending",
            "paid",
            "partially_refunded",
            "unfulfilled",
            "partial",
            "on_hold",
            "in_progress",
            "restocked",
        ),
        ("refunded", "voided", "expired"),
        ("request_declined",),
    ),
    "WooCommerce": (
        ("Pending payment", "Processing", "On hold", "Completed", "wc-pending", "pending-cancel"),
        ("Cancelled", "Refunded", "Failed", "wc-cancelled", "checkout-draft", "trash"),
        (),
    ),
    "Magento": (
        (
            "new",
            "pending_payment",
            "processing",
            "complete",
            "closed",
            "holded",
            "payment_review",
            "pending_paypal",
            "paypal_canceled_reversal",
        ),
        ("canceled", "order_refunded", "fraud", "Suspected Fraud", "paypal_reversed"),
        (),
    ),
    "Amazon": (
        (
            "Pending",
            "Unshipped",
            "PartiallyShipped",
            "Shipped",
            "Shipped - Delivered to Buyer",
            "Shipped - Picked Up",
            "Pending - Waiting for Pick Up",
        ),
        ("Canceled", "Cancelled", "Shipped - Rejected by Buyer"),
        ("Unfulfillable", "InvoiceUnconfirmed"),
    ),
    "Olist": (
        ("created", "approved", "invoiced", "processing", "shipped", "delivered"),
        ("canceled",),
        ("unavailable",),
    ),
    "eBay": (
        (
            "Completed",
            "Shipped",
            "InProcess",
            "NONE_REQUESTED",
            "PARTIALLY_REFUNDED",
            "CancelRequested",
            "CancelPending",
        ),
        ("CANCELED", "FULLY_REFUNDED", "FAILED", "CancelComplete", "CancelClosedWithRefund"),
        ("CancelRejected", "CancelFailed", "CancelClosedForCommitment", "CancelClosedNoRefund"),
    ),
    "Etsy": (
        ("Paid", "Completed", "Open", "Payment processing", "Partially Refunded"),
        ("Canceled", "Fully Refunded"),
        (),
    ),
    "an undoing word before it": (
        (
            "Not cancelled",
            "not_yet_refunded",
            "No refund",
            "never cancelled",
            "no longer cancelled",
            "to be cancelled",
            "Partially Cancelled",
            "Partial refund",
            "Pending customer cancellation",
            "Awaiting refund",
            "Request for refund",
            "cancellation requested",
            "Cancellation requested by buyer",
            "refund requested",
            "refund pending",
        ),
        (),
        (),
    ),
    "what comes after it is a reason": (
        (),
        (
            "Cancelled by buyer",
            "Cancelled by customer request",
            "Cancelled - not paid",
            "cancelled_not_paid",
            "Cancelled (refund pending)",
            "Cancelled, pending refund",
            "Not paid, cancelled",
            "Customer request: cancelled",
            "CancelledByBuyer",
            "Refunded on request",
            "Payment failed",
            "has been cancelled",
            "chargeback",
            "declined",
            "Cancellation",
        ),
        (),
    ),
    "unclear": (
        (),
        (),
        (
            "",
            "avoided",
            "Refunded (partially)",
            "Refund rejected",
            "Refund processing",
            "Refund in progress",
            "Refund request approved",
            "Cancel request declined",
            "Chargeback reversed",
            "pending cancelled",
        ),
    ),
}


CASES = [
    (status, meaning)
    for by_meaning in STATUSES.values()
    for meaning, statuses in zip(
        (Meaning.SALE, Meaning.NO_SALE, Meaning.DOUBTFUL), by_meaning, strict=True
    )
    for status in statuses
]


@pytest.mark.parametrize(("status", "meaning"), CASES)
def test_a_status_means(status: str, meaning: Meaning) -> None:
    assert meaning_of(status) is meaning


def test_what_the_caller_names_is_no_sale_too_whatever_its_case() -> None:
    assert not is_no_sale("Parked")
    assert is_no_sale("Parked", frozenset({"parked"}))
