"""What shoppers asked and what they were told, in order, to be held against the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import (
    Committed,
    Expired,
    FinalOutcome,
    Fulfilled,
    Held,
    OpenOutcome,
    Outcome,
    RefundDue,
    Shortage,
)

TROUBLES_KEPT_MAX: Final = 200
# How a cart's first question is written down, which is what service is measured by.
RESERVE: Final = "reserve"


@dataclass(frozen=True, slots=True)
class Told:
    """One answer.

    ``began`` and ``ended`` are when it was asked for and when it came, in seconds of one clock
    that never jumps. A question that was asked again after no answer came counts from its last
    asking.
    """

    checkout_id: str
    asked: str
    began: float
    ended: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Due:
    """What was told of a payment that is due back."""

    checkout_id: str
    reason: str
    shortages: tuple[Shortage, ...] = ()


@dataclass(slots=True)
class Testimony:
    """All that the shoppers of one run can say.

    Args:
        requests: what each checkout asked for, from before it was first sent.
        payments: with which references each checkout was confirmed, from before it was first sent.
        answered: payments whose confirmation was answered, or refused.
        due: payments of which it was told that they are due back.
        reinstating: checkouts that a late payment may have held again.
        in_vain: checkouts of which it was told that a payment came to nothing.
        told: every answer.
        interrupted: checkouts whose client was told that their workflow was ended by force.
        terminated: checkouts whose workflow the run itself ended by force.
        reset: checkouts whose workflow the run set back to an earlier point.
        unanswered: checkouts that stayed without an answer until the shopper's patience was over,
            and what was asked of each in vain.
        troubles: errors that nobody may meet, whatever breaks.
        counts: how often what was met.
    """

    requests: dict[str, CheckoutRequest] = field(default_factory=dict)
    payments: dict[str, set[str]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    due: dict[str, Due] = field(default_factory=dict)
    reinstating: set[str] = field(default_factory=set)
    in_vain: set[str] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)
    interrupted: set[str] = field(default_factory=set)
    terminated: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)
    unanswered: dict[str, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def wants(self, request: CheckoutRequest) -> None:
        """Note a request that is about to be sent."""
        self.requests[request.checkout_id] = request

    def pays(self, checkout_id: str, payment_reference: str) -> None:
        """Note a payment that is about to be told."""
        self.payments.setdefault(checkout_id, set()).add(payment_reference)

    def hears(self, told: Told) -> None:
        """Note an answer."""
        self.told.append(told)
        self.counts[f"told {told.outcome.status}"] += 1
        if isinstance(told.outcome, Committed | Fulfilled) and told.outcome.reinstated:
            self.counts["told reinstated"] += 1
        if isinstance(told.outcome, Held) and told.outcome.paying_until:
            self.counts["told held for a payment"] += 1

    def hears_of_payment(self, checkout_id: str, payment: str, answer: Outcome | RefundDue) -> None:
        """Note what was told of a payment, which is told once for ever."""
        self.answered.add(payment)
        if isinstance(answer, RefundDue):
            due = Due(checkout_id, answer.reason, answer.shortages)
        elif isinstance(answer, Committed) and answer.duplicate_payment:
            due = Due(checkout_id, "duplicate")
        else:
            return
        self.counts[f"due back: {due.reason}"] += 1
        if self.due.setdefault(payment, due) != due:
            self.meets(f"{payment}: told {self.due[payment]}, then {due}")

    def meets(self, trouble: str) -> None:
        """Note an error that nobody may meet."""
        self.counts["troubles"] += 1
        if len(self.troubles) < TROUBLES_KEPT_MAX:
            self.troubles.append(trouble)

    def by_checkout(self) -> dict[str, list[Told]]:
        """Return the answers of each checkout, as they came.

        An expiry is left out where a late payment may have had the checkout held again, and it was
        asked for before the end of that was told.
        """
        found: dict[str, list[Told]] = {}
        for told in self.told:
            found.setdefault(told.checkout_id, []).append(told)
        return found | {id: _of_last_attempt(found[id]) for id in self.reinstating & found.keys()}


def _of_last_attempt(answers: list[Told]) -> list[Told]:
    others = [
        told.ended
        for told in answers
        if not isinstance(told.outcome, Expired | OpenOutcome)
        or isinstance(told.outcome, Committed)
    ]
    since = min(others, default=float("-inf"))
    return [
        told for told in answers if not (isinstance(told.outcome, Expired) and told.began < since)
    ]


def final_outcome_told(answers: list[Told]) -> FinalOutcome | None:
    """Return the first final outcome among a checkout's answers, or None."""
    for told in answers:
        if isinstance(told.outcome, FinalOutcome):
            return told.outcome
    return None
