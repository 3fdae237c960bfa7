"""Carts: the lines of a request that leaves them to a cart of the adopted shop.

A cart is read after its checkout's id is claimed and before any stock is locked, and is not locked
itself. What cannot be a hold spends the id: the claim stays, as a denial that says why. Who asks
without a customer asks for the cart's; the request itself, and so its digest, stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from activities.inventory.database.calls import Call, Steps
from activities.inventory.database.errors import RequestRefused
from activities.inventory.records import ReservationState, reservation_state
from activities.inventory.sql.statements import carts as statements
from holdfast_client.contract.fields import (
    LINES_MAX,
    QUANTITY_MAX,
    TEXT_LENGTH_MAX,
    PartyId,
    excerpt,
)
from holdfast_client.contract.messages import CheckoutRequest, Line, merged

CART_FIELD: Final = "cart_id"
_PARTY: Final[TypeAdapter[str]] = TypeAdapter(PartyId)


@dataclass(frozen=True, slots=True)
class Cart:
    """What was read of a cart.

    Args:
        lines: to hold.
        customer_id: whose it is, of the request or else of the cart; None where neither says.
    """

    lines: tuple[Line, ...]
    customer_id: str | None


def read_carts(
    requests: Mapping[str, CheckoutRequest], numbers: Mapping[str, int]
) -> Steps[tuple[dict[str, Cart], dict[str, RequestRefused]]]:
    """Read the carts of those whose ids were claimed, and spend the ids of what cannot be held.

    Args:
        requests: that leave their lines to a cart, by checkout id.
        numbers: of the claims, by checkout id.

    Returns:
        The carts, and why requests are refused, by checkout id.
    """
    carts: dict[str, Cart] = {}
    refused: dict[str, RequestRefused] = {}
    customers: dict[int, str] = {}
    for id, request in requests.items():
        if id not in numbers:
            continue
        cart_id = str(request.cart_id)
        rows = yield Call(statements.READ_CART, {"cart_id": cart_id, "lines_max": LINES_MAX + 1})
        if problem := _problem(cart_id, rows):
            refused[id] = cart_refused(problem)
            continue
        customer_id = request.customer_id
        if customer_id is None and (customer_id := _customer(rows[0].customer)) is not None:
            customers[numbers[id]] = customer_id
        carts[id] = Cart(merged(_line(row) for row in rows), customer_id)
    if customers:
        named = {"ids": list(customers), "customer_ids": list(customers.values())}
        yield Call(statements.NAME_CUSTOMERS, named)
    if refused:
        spent = {
            "ids": [numbers[id] for id in refused],
            "reasons": [refusal.problem for refusal in refused.values()],
        }
        yield Call(statements.REFUSE_CLAIMS, spent)
    return carts, refused


def reserve_state(row: Any) -> ReservationState | RequestRefused:
    """Return what a known id answers to its own request: where it stands, or why it was refused."""
    if row.status == "denied" and row.reason:
        return cart_refused(row.reason)
    return reservation_state(row)


def cart_refused(problem: str) -> RequestRefused:
    """Return why a request for a cart was refused, in the words that are kept of it."""
    return RequestRefused(CART_FIELD, excerpt(problem, TEXT_LENGTH_MAX))


def _problem(cart_id: str, rows: Sequence[Any]) -> str:
    if not rows:
        return f"cart {cart_id} is empty"
    if len(rows) > LINES_MAX:
        return f"cart {cart_id} has more than {LINES_MAX:,} lines"
    for row in rows:
        if row.problem:
            return str(row.problem)
        if row.sku is None:
            return f"product {row.product} in cart {cart_id} has no SKU that can be held"
        if row.quantity is None or not 1 <= row.quantity <= QUANTITY_MAX:
            return (
                f"cart {cart_id} has {row.quantity} of {row.sku}, and a quantity is 1 to "
                f"{QUANTITY_MAX:,}"
            )
    return ""


def _customer(text: str | None) -> str | None:
    """Return a shop's text as the id of a customer; None where it can be none."""
    try:
        return _PARTY.validate_python(text)
    except ValidationError:
        return None


def _line(row: Any) -> Line:
    # The SKU and the location are the ledger's own, or such as it could have.
    return Line.model_construct(sku=row.sku, location=row.location, quantity=row.quantity)
