"""Open holds, and what comes free when, laid out for reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from holdfast_client.contract.holds import Holds, OpenHold
from holdfast_client.contract.wording import counted, each_of_the_goods
from holdfast_client.terminal.moments import local_text
from holdfast_client.terminal.sheet import LOCATION, Column, ItemList, Sheet, Table

_HOLD_COLUMNS: Final = (
    "ends_at",
    "checkout_id",
    "customer_id",
    "units",
    Column("lines", rank=1),
)
_COMMITTED_COLUMNS: Final = ("committed_at", *_HOLD_COLUMNS[1:])
_FREE_COLUMNS: Final = ("at", "sku", LOCATION, "units", "units_by_then")
_OVERDUE_COLUMNS: Final = ("not_freed_since", *_FREE_COLUMNS[1:])


def holds_sheet(found: Holds, sku: str | None) -> Sheet:
    """Lay out who holds what, and what comes free when."""
    holds = tuple(
        (hold.ends_at, hold.checkout_id, hold.customer_id, hold.units, _lines(hold))
        for hold in found.holds
    )
    steps = [
        (step.at, step.sku, step.location, step.units, step.units_by_then)
        for step in found.comes_free
    ]
    overdue = tuple(step for step in steps if step[0] <= found.as_of)
    free = tuple(step for step in steps if step[0] > found.as_of)
    beside = ("holds_left_out", "comes_free_left_out", "committed_left_out", "shop_reserved")
    return Sheet(
        _headline(found, sku),
        tuple((name, count) for name in beside if (count := getattr(found, name))),
        (
            Table("hold", _HOLD_COLUMNS, holds),
            Table("overdue", _OVERDUE_COLUMNS, overdue),
            Table("comes_free", _FREE_COLUMNS, free),
        ),
    )


def committed_sheet(found: Holds, sku: str | None) -> Sheet:
    """Lay out what is to be packed."""
    rows = tuple(
        (hold.committed_at, hold.checkout_id, hold.customer_id, hold.units, _lines(hold))
        for hold in found.holds
    )
    units = counted(sum(hold.units for hold in found.holds), "unit")
    headline = f"{counted(len(rows), 'checkout')} to be packed, {units}{_of(sku)}."
    left_out = found.holds_left_out
    facts = (("holds_left_out", left_out),) if left_out else ()
    return Sheet(
        headline if rows else f"Nothing is to be packed{_of(sku)}.",
        facts,
        (Table("committed", _COMMITTED_COLUMNS, rows),),
    )


def remarks(found: Holds, sku: str | None) -> Iterator[str]:
    """Say what is not shown, and where nothing is."""
    if not found.holds:
        yield f"nothing is held{_of(sku)} that was asked for"
    if found.holds_left_out:
        every = len(found.holds) + found.holds_left_out
        yield (
            f"only the first {len(found.holds):,} of {every:,} holds are shown; "
            "ask for one --sku, a shorter --ends-within, or a larger --limit"
        )
    if found.committed_left_out:
        yield "what is paid and still on the shelf is listed with --committed instead"
    if found.comes_free_left_out:
        yield f"{counted(found.comes_free_left_out, 'later row')} of what comes free are left out"


def _headline(found: Holds, sku: str | None) -> str:
    return " ".join((_holds_headline(found, sku), *_beside(found)))


def _beside(found: Holds) -> Iterator[str]:
    """Tell what reserves stock and is no hold."""
    if found.committed_left_out:
        yield f"Paid and still on the shelf: {counted(found.committed_left_out, 'checkout')}."
    if found.shop_reserved:
        yield f"Reserved by the shop's own code: {counted(found.shop_reserved, 'unit')}."


def _holds_headline(found: Holds, sku: str | None) -> str:
    if not found.holds:
        return f"Nothing is held{_of(sku)}."
    units = counted(sum(hold.units for hold in found.holds), "unit")
    ends = [hold.ends_at for hold in found.holds if hold.ends_at is not None]
    to_come = [at for at in ends if at > found.as_of]
    overdue = len(ends) - len(to_come)
    words = f"{counted(len(found.holds), 'hold')} of {units}{_of(sku)}"
    if overdue:
        words += f"; of {overdue:,} the deadline has passed: not freed yet"
    return words + (f"; the next ends at {local_text(min(to_come))}." if to_come else ".")


def _of(sku: str | None) -> str:
    return f" of {sku}" if sku else ""


def _lines(hold: OpenHold) -> ItemList:
    return ItemList(tuple(each_of_the_goods(hold.lines)), left_out=hold.lines_left_out)
