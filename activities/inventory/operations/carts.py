"""Carts: the lines of a request that leaves them to a cart of the adopted shop.

A cart is read after its checkout's id is claimed and before any stock is locked, and is not locked
itself. What cannot be a hold spends the id: the claim stays, as a denial that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from activities.inventory.database.calls import Call, Steps
from activities.inventory.database.errors import RequestRefused
from activities.inventory.records import ReservationState, reservation_state
from activities.inventory.sql.statements import carts as statements
from holdfast_client.contract.fields import LINES_MAX, QUANTITY_MAX, TEXT_LENGTH_MAX, excerpt
from holdfast_client.contract.messages import Line, merged

CART_FIELD: Final = "cart_id"


def read_carts(
    carts: Mapping[str, str], numbers: Mapping[str, int]
) -> Steps[tuple[dict[str, tuple[Line, ...]], dict[str, RequestRefused]]]:
    """Read the carts of those whose ids were claimed, and spend the ids of what cannot be held.

    Args:
        carts: which cart has the lines, by checkout id.
        numbers: of the claims, by checkout id.

    Returns:
        The lines of the carts, and why requests are refused, by checkout id.
    """
    lines: dict[str, tuple[Line, ...]] = {}
    refused: dict[str, RequestRefused] = {}
    for id, cart_id in carts.items():
        if id in numbers:
            values = {"cart_id": cart_id, "lines_max": LINES_MAX + 1}
            rows = yield Call(statements.READ_CART, values)
            if problem := _problem(cart_id, rows):
                refused[id] = cart_refused(problem)
            else:
                lines[id] = merged(_line(row) for row in rows)
    if refused:
        spent = {
            "ids": [numbers[id] for id in refused],
            "reasons": [refusal.problem for refusal in refused.values()],
        }
        yield Call(statements.REFUSE_CLAIMS, spent)
    return lines, refused


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


def _line(row: Any) -> Line:
    # The SKU and the location are the ledger's own, or such as it could have.
    return Line.model_construct(sku=row.sku, location=row.location, quantity=row.quantity)
