"""Carts and answers as the oracle writes them: plain dictionaries."""

from __future__ import annotations

from typing import Any

Cart = dict[str, int]
Answer = dict[str, Any]


def refused(
    reason: str,
    sku: str,
    total: int | None,
    reserved: int | None,
    available: int | None,
    *,
    holders: tuple[Answer, ...] = (),
    others: int = 0,
) -> Answer:
    return {
        "status": "refused",
        "reason": reason,
        "sku": sku,
        "location": "main",
        "total": total,
        "reserved": reserved,
        "available": available,
        "holders": holders,
        "units_left_out": others,
        "shop_reserved": 0,
        "shop_column": None,
    }


def entry_of(sku: str, requested: int, available: int, reason: str) -> Answer:
    return {
        "sku": sku,
        "location": "main",
        "requested": requested,
        "available": available,
        "reason": reason,
    }


def summed(cart: Cart, other: Cart) -> Cart:
    both = {sku: cart.get(sku, 0) + other.get(sku, 0) for sku in {*cart, *other}}
    return {sku: quantity for sku, quantity in both.items() if quantity}


def lines_of(cart: Cart) -> tuple[Answer, ...]:
    return tuple(
        {"sku": sku, "location": "main", "quantity": quantity}
        for sku, quantity in sorted(cart.items())
    )
