"""One answer laid out for reading: a sentence, facts and tables, not yet in any style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast_client.outcomes import (
    AdjustmentApplied,
    AdjustmentOutcome,
    Cancelled,
    CheckoutReport,
    Denied,
    Expired,
    Fulfilled,
    Held,
    HeldLine,
    Outcome,
    Shortage,
)

if TYPE_CHECKING:
    from holdfast_client.summaries import CheckoutSummary
    from holdfast_client.timeline import Timeline, TimelineEvent, TimelineMovement
    from holdfast_client.views import View


@dataclass(frozen=True)
class Table:
    """Rows of one kind. ``name`` says what one row is, and leads each row in plain text.

    ``is_stacked`` in a terminal sets the cells of a row below one another, each unbroken: links.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_stacked: bool = False


@dataclass(frozen=True)
class Sheet:
    """What a command shows. ``headline`` is for people, and left out of plain text."""

    headline: str
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()


def outcome_sheet(checkout_id: str, outcome: Outcome) -> Sheet:
    """Lay out the outcome of a checkout."""
    facts = [("checkout_id", checkout_id), ("status", outcome.status)]
    tables: list[Table] = []
    match outcome:
        case Held():
            facts.append(("expires_at", moment_text(outcome.expires_at)))
            tables.append(_lines_table(outcome.lines))
        case Denied():
            tables.append(_shortages_table(outcome.shortages))
        case Fulfilled():
            facts.append(("payment_reference", outcome.payment_reference))
            facts.append(("at", moment_text(outcome.at)))
            tables.append(_lines_table(outcome.lines))
        case Cancelled():
            facts.append(("reason", outcome.reason))
            facts.append(("actor", outcome.actor))
            facts.append(("at", moment_text(outcome.at)))
        case Expired():
            facts.append(("at", moment_text(outcome.at)))
    return Sheet(_outcome_headline(checkout_id, outcome), tuple(facts), tuple(tables))


def report_sheet(report: CheckoutReport) -> Sheet:
    """Lay out where a checkout stands and how it came there."""
    facts = [("checkout_id", report.checkout_id), ("status", report.status)]
    if report.expires_at is not None:
        facts.append(("expires_at", moment_text(report.expires_at)))
    events = tuple(
        (moment_text(event.at), event.event, event.actor, event.reason) for event in report.events
    )
    return Sheet(
        f"{report.checkout_id} is {report.status}.",
        tuple(facts),
        (
            _lines_table(report.lines),
            Table("event", ("at", "event", "actor", "reason"), events),
        ),
    )


def timeline_sheet(timeline: Timeline) -> Sheet:
    """Lay out the story of a checkout; what nobody gave is left out of the facts."""
    facts = [
        ("checkout_id", timeline.checkout_id),
        ("status", timeline.status),
        ("customer_id", timeline.customer_id or ""),
        ("cart_id", timeline.cart_id or ""),
        ("created_at", moment_text(timeline.created_at)),
        ("expires_at", moment_text(timeline.expires_at)),
        ("closed_at", moment_text(timeline.closed_at)),
        ("payment_reference", timeline.payment_reference or ""),
    ]
    facts += [
        (f"{kind}_left_out", str(count))
        for kind in ("lines", "shortages", "events", "movements")
        if (count := getattr(timeline, f"{kind}_left_out"))
    ]
    return Sheet(
        _timeline_headline(timeline),
        tuple(fact for fact in facts if fact[1]),
        (
            _lines_table(timeline.lines),
            _shortages_table(timeline.shortages),
            _story_table(timeline.events),
            _movements_table(timeline.movements),
        ),
    )


def summaries_sheet(summaries: Sequence[CheckoutSummary]) -> Sheet:
    """Lay out a list of checkouts, one row each."""
    rows = tuple(
        (
            summary.checkout_id,
            summary.status or "",
            summary.customer_id or "",
            summary.cart_id or "",
            moment_text(summary.started_at),
            moment_text(summary.closed_at),
            " ".join(summary.skus),
        )
        for summary in summaries
    )
    columns = (
        "checkout_id",
        "status",
        "customer_id",
        "cart_id",
        "started_at",
        "closed_at",
        "skus",
    )
    found = "1 checkout" if len(rows) == 1 else f"{len(rows)} checkouts"
    return Sheet(f"{found} found.", (), (Table("checkout", columns, rows),))


def adjustment_sheet(adjustment_id: str, outcome: AdjustmentOutcome) -> Sheet:
    """Lay out what became of a stock adjustment."""
    facts = [("adjustment_id", adjustment_id), ("status", outcome.status)]
    if not isinstance(outcome, AdjustmentApplied):
        facts.append(("reason", outcome.reason))
        return Sheet(f"{adjustment_id} is refused; nothing was changed.", tuple(facts))
    facts += [
        ("sku", outcome.sku),
        ("location", outcome.location),
        ("total", str(outcome.total)),
        ("reserved", str(outcome.reserved)),
        ("available", str(outcome.available)),
    ]
    return Sheet(f"{adjustment_id} is applied.", tuple(facts))


def views_sheet(views: Sequence[View], links: Sequence[str]) -> Sheet:
    """Lay out the ready-made views of the Web UI, one after the other, each with its link."""
    rows = tuple(
        (view.name, view.shows, view.query, link) for view, link in zip(views, links, strict=True)
    )
    columns = ("name", "shows", "query", "url")
    table = Table("view", columns, rows, is_stacked=True)
    return Sheet(f"{len(rows)} views of the Web UI.", (), (table,))


def moment_text(moment: datetime | None) -> str:
    """Write a time as RFC 3339 in UTC to the second, or nothing."""
    if moment is None:
        return ""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _outcome_headline(checkout_id: str, outcome: Outcome) -> str:
    match outcome:
        case Held():
            return f"{checkout_id} is held until {moment_text(outcome.expires_at)}."
        case Denied():
            return f"{checkout_id} is denied; nothing is held."
        case Fulfilled():
            return f"{checkout_id} is fulfilled, paid by {outcome.payment_reference}."
        case Cancelled():
            return f"{checkout_id} is cancelled; nothing is held."
        case Expired():
            return f"{checkout_id} expired before it was paid; nothing is held."
        case _:
            return f"{checkout_id}: the inventory did not answer; nothing is held, nothing will be."


def _timeline_headline(timeline: Timeline) -> str:
    was_held = timeline.expires_at is not None
    match timeline.status:
        case "held":
            words = f"held until {moment_text(timeline.expires_at)}"
        case "fulfilled":
            words = f"fulfilled, paid by {timeline.payment_reference}"
        case "denied":
            words = "denied; nothing was held"
        case status:
            words = status if was_held else f"{status} before anything was held"
    return f"{timeline.checkout_id} is {words}."


def _story_table(events: Sequence[TimelineEvent]) -> Table:
    rows = tuple(
        (
            moment_text(event.at),
            event.event,
            "" if event.seconds is None else str(event.seconds),
            moment_text(event.expires_at),
            event.actor,
            event.reason,
        )
        for event in events
    )
    return Table("event", ("at", "event", "seconds", "expires_at", "actor", "reason"), rows)


def _movements_table(movements: Sequence[TimelineMovement]) -> Table:
    rows = tuple(
        (
            moment_text(movement.at),
            movement.kind,
            movement.sku,
            movement.location,
            # Where both figures move, as when a hold is fulfilled, they move by the same.
            str(movement.reserved_delta),
        )
        for movement in movements
    )
    columns = ("at", "kind", "sku", "location", "units")
    return Table("movement", columns, rows)


def _lines_table(lines: Sequence[HeldLine]) -> Table:
    rows = tuple((line.sku, line.location, str(line.quantity)) for line in lines)
    return Table("line", ("sku", "location", "quantity"), rows)


def _shortages_table(shortages: Sequence[Shortage]) -> Table:
    columns = ("sku", "location", "requested", "available", "reason", "next_expiry")
    rows = tuple(
        (
            shortage.sku,
            shortage.location,
            str(shortage.requested),
            str(shortage.available),
            shortage.reason,
            moment_text(shortage.next_expiry),
        )
        for shortage in shortages
    )
    return Table("shortage", columns, rows)
