"""Taking over the units of another checkout in a shop in memory."""

from __future__ import annotations

from holdfast_client.contract.errors import CheckoutConflict
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Cancelled, Expired, Held, HeldLine, OpenOutcome
from holdfast_client.fake.shop import Checkout, MemoryShop


def bar_superseded(shop: MemoryShop, request: CheckoutRequest) -> None:
    """Let nothing be held any more under an id that a new checkout names and nobody knows."""
    if request.supersedes and request.supersedes not in shop.checkouts:
        shop.barred.setdefault(request.supersedes, Expired(at=shop.now))


def superseded_by(shop: MemoryShop, request: CheckoutRequest) -> Checkout | None:
    """Return the open checkout that a new one takes over, if it names one.

    Raises:
        CheckoutConflict: it is of another customer and cart, or is paid.
    """
    old = shop.checkouts.get(request.supersedes or "")
    if old is None or not isinstance(old.outcome, OpenOutcome):
        return None
    if not isinstance(old.outcome, Held) or not _are_of_one(request, old.request):
        raise CheckoutConflict(
            f"checkout {request.checkout_id!r} cannot supersede {request.supersedes!r}: that is of "
            "another customer and cart, or is paid",
            {"differs": ["supersedes"]},
        )
    return old


def end_superseded(shop: MemoryShop, old: Checkout, checkout_id: str) -> None:
    """End a checkout whose units another one has now."""
    given = tuple(
        HeldLine(sku=line.sku, location=line.location, quantity=-line.quantity)
        for line in old.open_lines
    )
    reason = f"superseded by {checkout_id}"
    shop.move(old, "supersede", given)
    old.last_open = old.open_lines
    old.outcome = Cancelled(reason=reason, at=shop.now, superseded_by=checkout_id)
    old.closed_at = shop.now
    old.note(shop.now, "cancelled", reason=reason)


def _are_of_one(request: CheckoutRequest, old: CheckoutRequest) -> bool:
    is_customer = request.customer_id is not None and request.customer_id == old.customer_id
    return is_customer or (request.cart_id is not None and request.cart_id == old.cart_id)
