"""What became of a stock adjustment, laid out for reading."""

from __future__ import annotations

from typing import Final

from holdfast_client.cli.checkout_sheet import other_facts, unknown_headline
from holdfast_client.contract.messages import AdjustmentKind
from holdfast_client.contract.outcomes import (
    AdjustmentApplied,
    AdjustmentOutcome,
    AdjustmentRefused,
    KnownAdjustmentOutcome,
    UnknownOutcome,
)
from holdfast_client.contract.wording import kept_by_shop
from holdfast_client.terminal.sheet import Cell, Column, Sheet, Table

_HOLDER_COLUMNS: Final = ("checkout_id", "quantity", Column("expires_at", rank=1))


def adjustment_sheet(adjustment_id: str, outcome: AdjustmentOutcome) -> Sheet:
    """Lay out what became of a stock adjustment."""
    facts: list[tuple[str, Cell]] = [("adjustment_id", adjustment_id), ("status", outcome.status)]
    if isinstance(outcome, AdjustmentApplied):
        facts += _figures(outcome)
        facts.append(("for_sale", "yes" if outcome.active else "no"))
        if outcome.created:
            facts.append(("created", "yes"))
        return Sheet(_headline(adjustment_id, outcome), tuple(facts))
    if isinstance(outcome, UnknownOutcome):
        facts += other_facts(outcome)
        return Sheet(unknown_headline(adjustment_id, outcome), tuple(facts))
    facts.append(("reason", outcome.reason))
    facts += _figures(outcome)
    if outcome.units_left_out:
        facts.append(("units_left_out", outcome.units_left_out))
    if outcome.shop_reserved:
        facts.append(("shop_reserved", outcome.shop_reserved))
    if outcome.shop_column:
        facts.append(("shop_column", outcome.shop_column))
    rows = tuple(
        (holder.checkout_id, holder.quantity, holder.expires_at) for holder in outcome.holders
    )
    return Sheet(
        f"{adjustment_id} is refused; nothing was changed.",
        tuple(facts),
        (Table("holder", _HOLDER_COLUMNS, rows),),
    )


def refusal_words(refused: AdjustmentRefused, kind: AdjustmentKind) -> str:
    """Say why an adjustment is refused, and what to do."""
    where = f"{refused.sku!r} at {refused.location}"
    anew = "a refused id stays refused, so use a new one"
    match refused.reason:
        case "unknown_sku":
            remedy = "if it is new, say --new; " if kind == "receive" else ""
            return f"there is no {where}; {remedy}{anew}"
        case "negative_total":
            return f"there are only {refused.total} of {where}; {anew}"
        case "below_reserved":
            by_shop = refused.shop_reserved
            words = f", {by_shop} of them by the shop's own code" if by_shop else ""
            return (
                f"{refused.reserved} of {where} are held for buyers{words}; let the holds end, or "
                f"cancel some (holdfast holds --sku lists them); {anew}"
            )
        case "over_shop_column":
            return f"the shop's own column has no room for so many of {where}; {anew}"
        case "kept_by_shop":
            words = kept_by_shop(refused.sku, refused.location, refused.shop_column)
            return f"{words}; {anew}"
        case reason:
            return f"the reason is {reason}, which this version does not know; {anew}"


def _headline(adjustment_id: str, outcome: AdjustmentApplied) -> str:
    if outcome.created:
        return f"{adjustment_id} is applied; it made the new stock item {outcome.sku}."
    return f"{adjustment_id} is applied."


def _figures(outcome: KnownAdjustmentOutcome) -> list[tuple[str, Cell]]:
    facts: list[tuple[str, Cell]] = [
        ("sku", outcome.sku),
        ("location", outcome.location),
        ("total", outcome.total),
        ("reserved", outcome.reserved),
        ("available", outcome.available),
    ]
    return [fact for fact in facts if fact[1] is not None]
