"""The open holds of a shop in memory, as the real database would list them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby

from holdfast_client.contract.holds import (
    COMES_FREE_MAX,
    HOLD_LINES_MAX,
    ComingFree,
    Holds,
    HoldsRequest,
    OpenHold,
    Place,
)
from holdfast_client.contract.outcomes import HeldLine, OpenOutcome
from holdfast_client.fake.shop import Checkout, MemoryShop


def holds_of(shop: MemoryShop, request: HoldsRequest) -> Holds:
    """Return the open holds that are asked for, with as many rows as the real ones have."""
    list_them = _committed if request.committed else _open_holds
    numbers = {id: number for number, id in enumerate(shop.checkouts, start=1)}

    def place(hold: OpenHold) -> Place:
        return Place(hold.committed_at or hold.ends_at or shop.now, numbers[hold.checkout_id])

    found = sorted(
        (pair for pair in list_them(shop, request) if place(pair[0]) > request.after),
        key=lambda pair: place(pair[0]),
    )
    listed = found[: request.limit]
    # What is committed does not come free by itself.
    free = () if request.committed else _comes_free(listed)
    return Holds(
        as_of=shop.now,
        holds=tuple(hold for hold, _ in listed),
        holds_left_out=len(found) - len(listed),
        comes_free=free[:COMES_FREE_MAX],
        comes_free_left_out=max(len(free) - COMES_FREE_MAX, 0),
        committed_left_out=0 if request.committed else len(list(_committed(shop, request))),
        next_page=str(place(listed[-1][0])) if len(found) > len(listed) else None,
    )


def _open_holds(
    shop: MemoryShop, request: HoldsRequest
) -> Iterable[tuple[OpenHold, tuple[HeldLine, ...]]]:
    for checkout, held in shop.open_holds():
        lines = tuple(line for line in held.lines if request.sku in {None, line.sku})
        seconds = request.ends_within_seconds
        is_wanted = (
            bool(lines)
            and request.customer_id in {None, checkout.request.customer_id}
            and (seconds is None or held.ends_at <= shop.now + timedelta(seconds=seconds))
        )
        if is_wanted:
            yield _listed(checkout, held, lines), lines


def _committed(
    shop: MemoryShop, request: HoldsRequest
) -> Iterable[tuple[OpenHold, tuple[HeldLine, ...]]]:
    paid_by = shop.now - timedelta(seconds=request.older_than_seconds or 0)
    for checkout, committed in shop.committed():
        lines = tuple(line for line in committed.lines if request.sku in {None, line.sku})
        is_wanted = (
            bool(lines)
            and request.customer_id in {None, checkout.request.customer_id}
            and committed.at <= paid_by
        )
        if is_wanted:
            yield _listed(checkout, committed, lines), lines


def _listed(checkout: Checkout, outcome: OpenOutcome, lines: tuple[HeldLine, ...]) -> OpenHold:
    return OpenHold(
        checkout_id=checkout.request.checkout_id,
        customer_id=checkout.request.customer_id,
        cart_id=checkout.request.cart_id,
        held_at=checkout.started_at,
        expires_at=getattr(outcome, "expires_at", None),
        paying_until=getattr(outcome, "paying_until", None),
        committed_at=getattr(outcome, "at", None),
        payment_reference=getattr(outcome, "payment_reference", None),
        units=sum(line.quantity for line in lines),
        lines=lines[:HOLD_LINES_MAX],
        lines_left_out=max(len(lines) - HOLD_LINES_MAX, 0),
    )


def _comes_free(listed: Iterable[tuple[OpenHold, tuple[HeldLine, ...]]]) -> tuple[ComingFree, ...]:
    moved = sorted(
        (hold.ends_at, line.sku, line.location, line.quantity)
        for hold, lines in listed
        for line in lines
    )
    by_then: dict[tuple[str, str], int] = {}
    steps = []
    for (at, sku, location), rows in groupby(moved, key=lambda row: row[:3]):
        units = sum(row[3] for row in rows)
        by_then[sku, location] = by_then.get((sku, location), 0) + units
        steps.append(
            ComingFree(
                sku=sku,
                location=location,
                at=at,
                units=units,
                units_by_then=by_then[sku, location],
            )
        )
    return tuple(steps)
