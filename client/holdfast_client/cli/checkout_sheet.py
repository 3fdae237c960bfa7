"""The client's answers laid out for reading."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from holdfast_client.contract.outcomes import (
    Cancelled,
    CheckoutReport,
    Committed,
    Denied,
    Expired,
    Fulfilled,
    Held,
    HeldLine,
    KnownOutcome,
    Outcome,
    PaymentReport,
    RefundDue,
    ShipmentReport,
    Shortage,
    UnknownOutcome,
)
from holdfast_client.terminal.moments import local_text
from holdfast_client.terminal.sheet import LOCATION, Cell, Column, ItemList, Sheet, Table

if TYPE_CHECKING:
    from holdfast_client.cli.views import View
    from holdfast_client.contract.summaries import CheckoutSummary
    from holdfast_client.contract.timeline import Timeline, TimelineEvent, TimelineMovement

_EVENT_COLUMNS: Final = (
    Column("at"),
    Column("event"),
    Column("actor", rank=4, is_prose=True),
    Column("reason", rank=1, is_prose=True),
)


def outcome_sheet(checkout_id: str, outcome: Outcome | RefundDue) -> Sheet:
    """Lay out the outcome of a checkout, or of a payment that is due back."""
    if isinstance(outcome, RefundDue):
        return _refund_due_sheet(checkout_id, outcome)
    facts: list[tuple[str, Cell]] = [("checkout_id", checkout_id), ("status", outcome.status)]
    tables: list[Table] = []
    match outcome:
        case Held():
            facts += _deadlines(outcome.expires_at, outcome.paying_until)
            tables.append(_lines_table(outcome.lines))
        case Denied():
            tables.append(_shortages_table(outcome.shortages))
        case Committed():
            facts.append(("payment_reference", outcome.payment_reference))
            facts.append(("at", outcome.at))
            tables.append(_lines_table(outcome.lines))
        case Fulfilled():
            facts.append(("payment_reference", outcome.payment_reference))
            facts.append(("at", outcome.at))
            tables += [_lines_table(outcome.lines), _released_table(outcome.released)]
        case Cancelled():
            facts.append(("reason", outcome.reason))
            facts.append(("actor", outcome.actor))
            facts.append(("at", outcome.at))
            if not outcome.was_known:
                facts.append(("was_known", "false"))
        case Expired():
            facts.append(("at", outcome.at))
        case UnknownOutcome():
            facts += other_facts(outcome)
            return Sheet(unknown_headline(checkout_id, outcome), tuple(facts))
    return Sheet(_outcome_headline(checkout_id, outcome), tuple(facts), tuple(tables))


def _refund_due_sheet(checkout_id: str, due: RefundDue) -> Sheet:
    standing = due.standing.status if due.standing else "unknown"
    facts: tuple[tuple[str, Cell], ...] = (
        ("checkout_id", checkout_id),
        ("status", due.status),
        ("payment_reference", due.payment_reference),
        ("reason", due.reason),
        ("standing", standing),
    )
    headline = f"Payment {due.payment_reference} of {checkout_id} is due back: {due.reason}."
    return Sheet(headline, facts, (_shortages_table(due.shortages),))


def other_facts(outcome: UnknownOutcome) -> list[tuple[str, Cell]]:
    """Return the keys of an answer that this version does not know, each with its JSON."""
    others = (outcome.model_extra or {}).items()
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in others]


def _deadlines(
    expires_at: datetime | None, paying_until: datetime | None
) -> list[tuple[str, Cell]]:
    """Return what the buyer was told, and up to when the hold waits for a payment in flight."""
    told = (("expires_at", expires_at), ("paying_until", paying_until))
    return [(name, at) for name, at in told if at is not None]


def report_sheet(report: CheckoutReport) -> Sheet:
    """Lay out where a checkout stands and how it came there."""
    facts: list[tuple[str, Cell]] = [("checkout_id", report.checkout_id), ("status", report.status)]
    facts += _deadlines(report.expires_at, report.paying_until)
    facts += [
        (f"{kind}_left_out", count)
        for kind in ("lines", "payments", "shipments", "events")
        if (count := getattr(report, f"{kind}_left_out"))
    ]
    events = tuple((event.at, event.event, event.actor, event.reason) for event in report.events)
    ends_at = max((at for at in (report.expires_at, report.paying_until) if at), default=None)
    standing = _held(ends_at) if report.status == "held" else report.status
    return Sheet(
        f"{report.checkout_id} is {standing}.",
        tuple(facts),
        (
            _lines_table(report.lines),
            _shipments_table(report.shipments),
            _payments_table(report.payments),
            Table("event", _EVENT_COLUMNS, events),
        ),
    )


def timeline_sheet(timeline: Timeline) -> Sheet:
    """Lay out the timeline of a checkout; what nobody gave is left out of the facts."""
    facts: list[tuple[str, Cell]] = [
        ("checkout_id", timeline.checkout_id),
        ("status", timeline.status),
        ("customer_id", timeline.customer_id or ""),
        ("cart_id", timeline.cart_id or ""),
        ("created_at", timeline.created_at),
        *_deadlines(timeline.expires_at, timeline.paying_until),
        ("closed_at", timeline.closed_at),
        ("payment_reference", timeline.payment_reference or ""),
    ]
    facts += [
        (f"{kind}_left_out", count)
        for kind in ("lines", "payments", "shortages", "events", "movements")
        if (count := getattr(timeline, f"{kind}_left_out"))
    ]
    return Sheet(
        _timeline_headline(timeline),
        tuple(fact for fact in facts if fact[1]),
        (
            _lines_table(timeline.lines),
            _payments_table(timeline.payments),
            _shortages_table(timeline.shortages),
            _timeline_table(timeline.events),
            _movements_table(timeline.movements),
        ),
    )


def summaries_sheet(summaries: Sequence[CheckoutSummary]) -> Sheet:
    """Lay out a list of checkouts, one row each."""
    rows = tuple(
        (
            summary.checkout_id,
            summary.status,
            summary.customer_id or "",
            summary.cart_id or "",
            summary.started_at,
            summary.closed_at,
            ItemList(summary.skus, separator=" "),
        )
        for summary in summaries
    )
    columns = (
        "checkout_id",
        "status",
        Column("customer_id", rank=2),
        Column("cart_id", rank=4),
        Column("started_at", rank=1),
        Column("closed_at", rank=5),
        Column("skus", rank=3),
    )
    found = "1 checkout" if len(rows) == 1 else f"{len(rows)} checkouts"
    return Sheet(f"{found} found.", (), (Table("checkout", columns, rows),))


def views_sheet(views: Sequence[View], links: Sequence[str]) -> Sheet:
    """Lay out the ready-made views of the Web UI, one after the other, each with its link."""
    rows = tuple(
        (view.name, view.shows, view.query, link) for view, link in zip(views, links, strict=True)
    )
    columns = ("name", "shows", "query", "url")
    table = Table("view", columns, rows, is_stacked=True)
    return Sheet(f"{len(rows)} views of the Web UI.", (), (table,))


def unknown_headline(id: str, outcome: UnknownOutcome) -> str:
    """Say that an answer is of a status that is too new to be known."""
    return f"{id} is {outcome.status}, which this version does not know."


def _outcome_headline(checkout_id: str, outcome: KnownOutcome) -> str:
    match outcome:
        case Held():
            words = f" is {_held(outcome.ends_at)}."
        case Committed() if outcome.duplicate_payment:
            payment = outcome.payment_reference
            words = f" is paid already, by {payment}: this payment is due back."
        case Committed():
            words = f" is committed, paid by {outcome.payment_reference}: ship it."
        case Denied():
            words = " is denied; nothing is held."
        case Fulfilled():
            words = f" is fulfilled, paid by {outcome.payment_reference}."
        case Cancelled(was_known=False):
            words = " was known to nobody, look for a slip in it; it can hold nothing any more."
        case Cancelled():
            words = " is cancelled; nothing is held."
        case Expired():
            words = " expired before it was paid; nothing is held."
        case _:
            words = ": the inventory did not answer; nothing is held, nothing will be."
    return f"{checkout_id}{words}"


def _held(ends_at: datetime | None) -> str:
    """Say until when something is held, or that nothing has ended it at its deadline."""
    if ends_at is None:
        return "held"
    if ends_at <= datetime.now(UTC):
        return f"held: its deadline, {local_text(ends_at)}, has passed; not freed yet"
    return f"held until {local_text(ends_at)}"


def _timeline_headline(timeline: Timeline) -> str:
    was_held = timeline.expires_at is not None
    match timeline.status:
        case "held":
            words = _held(timeline.ends_at)
        case "committed":
            words = f"committed, paid by {timeline.payment_reference}, and to be shipped"
        case "fulfilled":
            words = f"fulfilled, paid by {timeline.payment_reference}"
        case "denied":
            words = "denied; nothing was held"
        case status:
            words = status if was_held else f"{status} before anything was held"
    return f"{timeline.checkout_id} is {words}."


def _timeline_table(events: Sequence[TimelineEvent]) -> Table:
    rows = tuple(
        (
            event.at,
            event.event,
            None if event.seconds is None else timedelta(seconds=event.seconds),
            event.expires_at,
            event.actor,
            event.reason,
            event.units,
            event.shipment_id,
        )
        for event in events
    )
    columns = (
        *_EVENT_COLUMNS[:2],
        Column("extended_by", rank=3),
        Column("expires_at", rank=2),
        *_EVENT_COLUMNS[2:],
        Column("units", rank=5),
        Column("shipment_id", rank=6),
    )
    return Table("event", columns, rows)


def _movements_table(movements: Sequence[TimelineMovement]) -> Table:
    rows = tuple(
        (
            movement.at,
            movement.kind,
            movement.sku,
            movement.location,
            # Where both figures move, as when a hold is fulfilled, they move by the same.
            movement.reserved_delta,
        )
        for movement in movements
    )
    columns = (Column("at", rank=2), "kind", "sku", LOCATION, "units")
    return Table("movement", columns, rows)


def _shipments_table(shipments: Sequence[ShipmentReport]) -> Table:
    rows = tuple((shipment.shipment_id, shipment.at, shipment.units) for shipment in shipments)
    return Table("shipment", ("shipment_id", Column("at", rank=1), "units"), rows)


def _lines_table(lines: Sequence[HeldLine]) -> Table:
    return Table("line", ("sku", LOCATION, "quantity"), _cells(lines))


def _released_table(lines: Sequence[HeldLine]) -> Table:
    return Table("released", ("sku", LOCATION, "released"), _cells(lines))


def _cells(lines: Sequence[HeldLine]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((line.sku, line.location, line.quantity) for line in lines)


def _payments_table(payments: Sequence[PaymentReport]) -> Table:
    columns = ("payment_reference", "state", Column("reason", rank=1), Column("at", rank=2))
    rows = tuple((p.payment_reference, p.state, p.reason, p.at) for p in payments)
    return Table("payment", columns, rows)


def _shortages_table(shortages: Sequence[Shortage]) -> Table:
    columns = (
        "sku",
        replace(LOCATION, rank=2),
        "requested",
        "available",
        Column("reason", rank=1),
        Column("next_expiry", rank=3),
    )
    rows = tuple(
        (
            shortage.sku,
            shortage.location,
            shortage.requested,
            shortage.available,
            shortage.reason,
            shortage.next_expiry,
        )
        for shortage in shortages
    )
    return Table("shortage", columns, rows)
