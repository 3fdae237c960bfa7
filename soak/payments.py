"""What was told of payments against what is on record: none is lost, none counts twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from soak.evidence import Evidence, Payment
from soak.testimony import Due, Testimony
from soak.violations import Violation


def payment_violations(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    """Yield each promise about a payment that was broken."""
    yield from _lost(testimony, evidence)
    yield from _settled_twice(evidence)
    yield from _refunds(testimony, evidence)


def _lost(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    """Check that whatever payment was answered has settled its checkout, or is due back."""
    for reference in sorted(testimony.answered):
        found = evidence.payments.get(reference)
        if found is None or found.state in {"started", "failed"}:
            state = found.state if found else "not on record"
            yield Violation("payment lost", reference, f"it was answered, and is {state}")
        elif found.state == "settled":
            settled = evidence.reservations.get(found.checkout_id)
            if settled is None or settled.paid_by != (reference,):
                by = settled.paid_by if settled else ()
                yield Violation(
                    "payment lost", reference, f"it settled {found.checkout_id}, paid by {by}"
                )


def _settled_twice(evidence: Evidence) -> Iterator[Violation]:
    settled = Counter(
        reference for found in evidence.reservations.values() for reference in found.paid_by
    )
    for reference, checkouts in settled.items():
        if checkouts > 1:
            yield Violation("payment settled twice", reference, f"{checkouts} checkouts")


def _refunds(testimony: Testimony, evidence: Evidence) -> Iterator[Violation]:
    """Check that what was told to be due back is on the list, for the reason that was told."""
    for reference, due in testimony.due.items():
        found = evidence.payments.get(reference)
        if found is None or not _is_told(found, due):
            yield Violation("refund not on record", reference, f"told {due}, found {found}")
    for reference, found in evidence.payments.items():
        if found.is_listed != (found.state == "refund_due" and found.reason != ""):
            yield Violation("refund not on record", reference, f"is {found}")


def _is_told(found: Payment, due: Due) -> bool:
    told = (due.checkout_id, "refund_due", due.reason)
    return (found.checkout_id, found.state, found.reason) == told
