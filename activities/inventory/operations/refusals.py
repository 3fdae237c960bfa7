"""Refusals on record: what was refused under an id stays refused, whatever has become possible.

Such a record has the answer ``{"status": "refused", "verdict", ...}`` and moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from activities.inventory.database.calls import Call, Steps
from activities.inventory.sql.statements import operations as statements
from holdfast_client.contract.outcomes import KnownOutcome, parse_known_outcome

REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An operation on a reservation that is refused; ``told`` is what stood in the way.

    ``id`` is the reservation's number, ``digest`` tells the operation from others under its id.
    """

    id: int
    operation_id: str
    kind: str
    digest: str | None
    verdict: str
    told: Mapping[str, Any]
    reason: str = ""
    actor: str = ""

    def answer_json(self) -> str:
        """Return what is kept as the answer that was given."""
        return to_json({"status": REFUSED, "verdict": self.verdict, **self.told}).decode()


def record_refusals(*refusals: Refusal) -> Steps[None]:
    """Put refusals on record, each under an id; of its kind what is there already stays."""
    if not refusals:
        return
    yield Call(
        statements.RECORD_REFUSALS,
        {
            "reservations": [refusal.id for refusal in refusals],
            "operation_ids": [refusal.operation_id for refusal in refusals],
            "kinds": [refusal.kind for refusal in refusals],
            "digests": [refusal.digest for refusal in refusals],
            "answers": [refusal.answer_json() for refusal in refusals],
            "reasons": [refusal.reason for refusal in refusals],
            "actors": [refusal.actor for refusal in refusals],
        },
    )


def is_refusal(answer: Mapping[str, Any]) -> bool:
    """Say whether an answer that was kept is a refusal."""
    return answer.get("status") == REFUSED


def kept_standing(answer: Mapping[str, Any]) -> KnownOutcome | None:
    """Return where the checkout stood when it was refused, where that was told."""
    standing = answer.get("standing")
    return None if standing is None else parse_known_outcome(standing)
