"""Holds what shoppers were told against what the database has. Pure: no I/O and no clock.

The invariants are the ledger's own audit. The rest shares no code with the ledger: it
knows answers, rows and movements alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from holdfast_client.contract.outcomes import Fulfilled, Held, OpenOutcome, Unavailable
from soak.evidence import Evidence, Reservation
from soak.payments import payment_violations
from soak.testimony import Testimony, Told, final_outcome_told
from soak.violations import Violation


def find_violations(
    testimony: Testimony, evidence: Evidence, *, late_seconds_max: float
) -> list[Violation]:
    """Return every promise that was broken.

    Args:
        testimony: what shoppers asked and were told.
        evidence: the database once all is quiet.
        late_seconds_max: how long after its deadline a hold may still be there: the reconciler's
            grace and one interval.
    """
    return [
        *(Violation("invariant broken", "the ledger", found) for found in evidence.breaches),
        *(Violation("workflow task failed", "a workflow", f) for f in evidence.failed_tasks),
        *(
            Violation("workflow still open", id, f"no end: {evidence.latest.get(id)}")
            for id in evidence.open_checkouts
        ),
        *(Violation("forbidden error", "a shopper", found) for found in testimony.troubles),
        *_never_answered(testimony, evidence),
        *_contradictions(testimony),
        *_disagreements(testimony, evidence),
        *_ended_early(testimony, evidence),
        *_held_for_ever(evidence, timedelta(seconds=late_seconds_max)),
        *_unpaid(testimony, evidence),
        *_sold_figures(testimony, evidence),
        *payment_violations(testimony, evidence),
    ]


# --- what shoppers were told ---------------------------------------------------------------------


def _never_answered(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    for id, asked in sorted(testimony.unanswered.items()):
        yield Violation(
            "never answered",
            id,
            f"no answer although everything was well again: {asked}; {evidence.latest.get(id)}",
        )
    for id in sorted(testimony.interrupted - testimony.terminated):
        yield Violation("interrupted by itself", id, "its workflow ended without an outcome")


def _contradictions(testimony: Testimony) -> Iterator[Violation]:
    """A final answer never changes, and nothing asked for after it is answered with an open one.

    One exception: `unavailable` is the workflow's own word, which the ledger has perhaps not heard
    of. Who sets such a workflow back to an earlier point has it decide anew.
    """
    for id, answers in testimony.by_checkout().items():
        heard = [
            told
            for told in answers
            if not (id in testimony.reset and isinstance(told.outcome, Unavailable))
        ]
        finals = [told for told in heard if not isinstance(told.outcome, OpenOutcome)]
        if not finals:
            continue
        first = min(finals, key=lambda told: told.ended)
        for told in heard:
            is_open = isinstance(told.outcome, OpenOutcome)
            is_other = not is_open and told.outcome != first.outcome
            is_back = is_open and told.began > first.ended
            if is_other or is_back:
                yield Violation("answer contradicted", id, _both(first, told))


def _both(first: Told, second: Told) -> str:
    return (
        f"{first.asked} was told {_text(first)}, and {second.asked}, asked "
        f"{second.began - first.ended:+.3f} s after that, was told {_text(second)}"
    )


def _text(told: Told) -> str:
    return f"{told.outcome.status} ({told.outcome!s:.200})"


# --- answers against the database ----------------------------------------------------------------


def _disagreements(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    for id, answers in testimony.by_checkout().items():
        final = final_outcome_told(answers)
        found = evidence.reservations.get(id)
        match final:
            case None:
                if found is None:
                    yield Violation("database says otherwise", id, "told held, not in the database")
            case Fulfilled():
                yield from _fulfilled_once(id, final, found)
            case Unavailable():
                yield from _over(id, final.status, found, is_own_word=True)
            case _:
                yield from _over(id, final.status, found, is_own_word=False)


def _fulfilled_once(id: str, told: Fulfilled, found: Reservation | None) -> Iterator[Violation]:
    if found is None or found.status != "fulfilled":
        has = found.status if found else "nothing"
        yield Violation("database says otherwise", id, f"told fulfilled, the database has {has}")
        return
    if found.payment_reference != told.payment_reference:
        yield Violation(
            "database says otherwise",
            id,
            f"told paid by {told.payment_reference}, the database has {found.payment_reference}",
        )
    sold, lines = Counter[str](), Counter[str]()
    for movement in found.movements:
        sold[movement.sku] -= movement.total_delta
    for line in told.lines:
        lines[line.sku] += line.quantity
    if +sold != +lines:
        yield Violation("fulfilled not once", id, f"lines {lines}, but it moved {sold}")


def _over(
    id: str, told: str, found: Reservation | None, *, is_own_word: bool
) -> Iterator[Violation]:
    """Check that a checkout that was told it is over holds nothing and sold nothing."""
    status = found.status if found else "nothing"
    if status in {"held", "committed", "fulfilled"}:
        yield Violation("told over but holds", id, f"told {told}, the database has {status}")
    elif status != told and not is_own_word:
        yield Violation("database says otherwise", id, f"told {told}, the database has {status}")
    if found and (sum(m.reserved_delta for m in found.movements) or _sold(found)):
        moved = [(m.kind, m.sku, m.total_delta, m.reserved_delta) for m in found.movements]
        yield Violation("told over but holds", id, f"told {told}, but it moved {moved}")


def _ended_early(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    """Check that nobody's hold expired before the latest end that was told.

    A payment that came to nothing takes its pause back.
    """
    for id, answers in testimony.by_checkout().items():
        found = evidence.reservations.get(id)
        holds = [told.outcome for told in answers if isinstance(told.outcome, Held)]
        ends = [hold.expires_at for hold in holds]
        if id not in testimony.in_vain:
            ends += [hold.paying_until for hold in holds if hold.paying_until]
        if found and found.expired_at and ends and found.expired_at < max(ends):
            yield Violation(
                "hold ended early", id, f"told until {max(ends)}, expired {found.expired_at}"
            )


# --- the database alone --------------------------------------------------------------------------


def _held_for_ever(evidence: Evidence, late_max: timedelta) -> Iterator[Violation]:
    for id, found in evidence.reservations.items():
        if found.status != "held" or found.ends_at is None:
            continue
        late = evidence.at - found.ends_at
        if late > late_max:
            yield Violation(
                "held for ever", id, f"overdue by {late.total_seconds():.1f} s and still held"
            )


def _unpaid(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    for id, found in evidence.reservations.items():
        if found.status not in {"committed", "fulfilled"}:
            continue
        if found.payment_reference not in testimony.payments.get(id, set()):
            yield Violation(
                "sold without payment", id, f"nobody sent the payment {found.payment_reference}"
            )


def _sold_figures(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    """Check that the stock that is gone is what was told to be sold, and was there.

    Of a checkout whose end nobody was told it is what its lines say.
    """
    told = {id: final_outcome_told(answers) for id, answers in testimony.by_checkout().items()}
    sold: Counter[str] = Counter()
    for id, found in evidence.reservations.items():
        match told.get(id):
            case Fulfilled(lines=lines) if found.status == "fulfilled":
                for line in lines:
                    sold[line.sku] += line.quantity
            case _:
                sold.update(found.lines)
    for sku, figures in evidence.stock.items():
        gone = figures.received - figures.total
        if gone != sold[sku]:
            yield Violation(
                "sold figures differ", sku, f"{gone} units are gone, {sold[sku]} were sold"
            )
        if sold[sku] > figures.received:
            yield Violation(
                "sold figures differ", sku, f"{sold[sku]} sold, {figures.received} received"
            )


def _sold(found: Reservation) -> int:
    return -sum(movement.total_delta for movement in found.movements)
