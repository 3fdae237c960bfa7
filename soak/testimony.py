"""What shoppers asked and what they were told, in order, to be held against the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import FinalOutcome, Outcome

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


@dataclass(slots=True)
class Testimony:
    """All that the shoppers of one run can say.

    Args:
        requests: what each checkout asked for, from before it was first sent.
        payments: with which references each checkout was confirmed, from before it was first sent.
        told: every answer.
        interrupted: checkouts whose client was told that their workflow was ended by force.
        terminated: checkouts whose workflow the run itself ended by force.
        reset: checkouts whose workflow the run set back to an earlier point.
        unanswered: checkouts that stayed without an answer until the shopper's patience was over.
        troubles: errors that nobody may meet, whatever breaks.
        counts: how often what was met.
    """

    requests: dict[str, CheckoutRequest] = field(default_factory=dict)
    payments: dict[str, set[str]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    interrupted: set[str] = field(default_factory=set)
    terminated: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
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

    def meets(self, trouble: str) -> None:
        """Note an error that nobody may meet."""
        self.counts["troubles"] += 1
        if len(self.troubles) < TROUBLES_KEPT_MAX:
            self.troubles.append(trouble)

    def by_checkout(self) -> dict[str, list[Told]]:
        """Return the answers of each checkout, as they came."""
        found: dict[str, list[Told]] = {}
        for told in self.told:
            found.setdefault(told.checkout_id, []).append(told)
        return found


def final_outcome_told(answers: list[Told]) -> FinalOutcome | None:
    """Return the first final outcome among a checkout's answers, or None."""
    for told in answers:
        if isinstance(told.outcome, FinalOutcome):
            return told.outcome
    return None
