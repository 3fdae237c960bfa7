"""Adjust: receive, correct or count the total of one stock item, once for each id."""

from __future__ import annotations

from typing import Any, Final

from activities.inventory.database.calls import ROLLBACK, Call, Steps, in_transaction, scalar
from activities.inventory.database.errors import AdjustmentConflict, FigureUnfit
from activities.inventory.operations.digests import (
    ADJUSTMENT_KEYS,
    adjustment_digest,
)
from activities.inventory.operations.items import create_items, lock_items, move_totals
from activities.inventory.sql.statements import operations as statements
from activities.inventory.sql.statements.stock import (
    READ_HOLDERS,
    READ_SALE_KEPT_IN,
    SHOP_RESERVED,
)
from holdfast_client.contract.digests import keys_that_differ
from holdfast_client.contract.messages import AdjustmentKind, StockAdjustment
from holdfast_client.contract.outcomes import (
    HOLDERS_MAX,
    AdjustmentApplied,
    AdjustmentRefused,
    Holder,
    KnownAdjustmentOutcome,
    RefusalReason,
    parse_known_adjustment_outcome,
)
from holdfast_client.contract.wording import difference

# Whether the item is for sale after it.
_SALE: Final[dict[AdjustmentKind, bool]] = {"activate": True, "deactivate": False}


def adjusted_total(
    kind: AdjustmentKind, quantity: int, total: int, reserved: int
) -> int | RefusalReason:
    """Return the total that an adjustment leads to, or why it is refused."""
    new_total = quantity if kind == "count" else total + quantity
    if new_total < 0:
        return "negative_total"
    if new_total < reserved:
        return "below_reserved"
    return new_total


def adjust(adjustment: StockAdjustment) -> Steps[KnownAdjustmentOutcome]:
    """Apply an adjustment in one transaction, or give the answer that its id was given before.

    Where the shop's column has no room for the new total, all of it is undone and it is refused.

    Raises:
        AdjustmentConflict: the id belongs to a different change.
    """
    try:
        return (yield from in_transaction(decide(adjustment)))
    except FigureUnfit:
        yield ROLLBACK
    return (yield from in_transaction(decide(adjustment, fits_shop=False)))


def decide(adjustment: StockAdjustment, *, fits_shop: bool = True) -> Steps[KnownAdjustmentOutcome]:
    """Apply or refuse an adjustment, once for its id.

    Args:
        adjustment: what is asked for.
        fits_shop: False where its total was found not to fit the column of the adopted shop.

    Raises:
        AdjustmentConflict: the id belongs to a different change.
    """
    digest = adjustment_digest(adjustment)
    operation = yield from scalar(
        Call(
            statements.CLAIM_OPERATION,
            {
                "operation_id": adjustment.adjustment_id,
                "kind": adjustment.kind,
                "digest": digest,
                "reason": adjustment.reason,
                "actor": adjustment.actor,
            },
        )
    )
    if operation is None:
        return (yield from _earlier_answer(adjustment.adjustment_id, digest))
    outcome = yield from _apply(adjustment, operation, fits_shop)
    yield Call(
        statements.ANSWER_OPERATION,
        {"operation": operation, "answer": outcome.model_dump_json()},
    )
    return outcome


def _earlier_answer(adjustment_id: str, digest: str) -> Steps[KnownAdjustmentOutcome]:
    rows = yield Call(statements.READ_OPERATION, {"operation_id": adjustment_id})
    if rows[0].digest != digest:
        differs = keys_that_differ(ADJUSTMENT_KEYS, rows[0].digest, digest)
        raise AdjustmentConflict(
            f"adjustment {adjustment_id} was made with a different change{difference(differs)}",
            differs,
        )
    return parse_known_adjustment_outcome(rows[0].answer)


def _apply(
    adjustment: StockAdjustment, operation: int, fits_shop: bool
) -> Steps[KnownAdjustmentOutcome]:
    key = (adjustment.sku, adjustment.location)
    created = False
    if adjustment.kind == "receive" and adjustment.new:
        created = bool((yield from create_items([key])))
    items = yield from lock_items([key])
    item = items.get(key)
    if item is None:
        return AdjustmentRefused(
            reason="unknown_sku", sku=adjustment.sku, location=adjustment.location
        )
    if adjustment.kind in _SALE:
        column = yield from scalar(Call(READ_SALE_KEPT_IN, {"item_id": item.id}))
        if column is not None:
            return (yield from _refused(item, "kept_by_shop", column))
    total = adjusted_total(
        adjustment.kind, adjustment.quantity, item.total_quantity, item.reserved_quantity
    )
    if not fits_shop and not isinstance(total, str):
        total = "over_shop_column"
    if isinstance(total, str):
        return (yield from _refused(item, total))
    change = (item.id, adjustment.kind, total - item.total_quantity)
    # Also where it is, or is not, for sale already: somebody wants it to stay so.
    yield from move_totals([change], operation, reason=adjustment.reason, actor=adjustment.actor)
    active = _SALE.get(adjustment.kind, item.active)
    return _applied(item, total, created=created, active=active)


def _applied(item: Any, total: int, *, created: bool, active: bool) -> AdjustmentApplied:
    return AdjustmentApplied(
        sku=item.sku,
        location=item.location,
        total=total,
        reserved=item.reserved_quantity,
        available=total - item.reserved_quantity,
        created=created,
        active=active,
    )


def _refused(
    item: Any, reason: RefusalReason, shop_column: str | None = None
) -> Steps[AdjustmentRefused]:
    """Refuse a change of a stock item that is locked, with its figures and the holds in the way."""
    beside: dict[str, Any] = {}
    if reason == "below_reserved":
        beside = yield from _in_the_way(item)
    return AdjustmentRefused(
        reason=reason,
        sku=item.sku,
        location=item.location,
        total=item.total_quantity,
        reserved=item.reserved_quantity,
        available=item.total_quantity - item.reserved_quantity,
        shop_column=shop_column,
        **beside,
    )


def _in_the_way(item: Any) -> Steps[dict[str, Any]]:
    """Name what reserves units of a stock item; together it is all that is reserved."""
    holders = yield from _holders(item.id)
    by_shop = yield from scalar(Call(SHOP_RESERVED, {"sku": item.sku, "location": item.location}))
    named = sum(holder.quantity for holder in holders)
    return {
        "holders": holders,
        "shop_reserved": by_shop,
        "units_left_out": item.reserved_quantity - by_shop - named,
    }


def _holders(item_id: int) -> Steps[tuple[Holder, ...]]:
    rows = yield Call(READ_HOLDERS, {"item_id": item_id, "rows_max": HOLDERS_MAX})
    return tuple(
        Holder(checkout_id=row.checkout_id, quantity=row.quantity, expires_at=row.expires_at)
        for row in rows
    )
