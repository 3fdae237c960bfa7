"""What the client asks, whoever carries it: to Temporal, or to a shop in memory. Pure.

A question says what is sent. What the answer means is the business of ``answers.py``.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from holdfast_client.contract.fields import Message
from holdfast_client.contract.messages import CheckoutRequest, Settlement, StockAdjustment
from holdfast_client.contract.names import TIMELINE_WORKFLOW, timeline_workflow_id
from holdfast_client.contract.summaries import CheckoutFilter
from holdfast_client.contract.timeline import TimelineRequest

# What to do where no answer comes: each question's end of a sentence.
ASK_AGAIN: Final = "its outcome is unknown and nothing is lost: ask again with the same checkout id"
SHIP_AGAIN: Final = "ask again with the same shipment id, and it is shipped once, not twice"
ADJUST_AGAIN: Final = (
    "whether it was applied is unknown and nothing is lost: ask again with the same adjustment id"
)
PAY_AGAIN: Final = "ask again: of the same payment it counts once"
SEE_REFUNDS: Final = "see whether it is still among the refunds"
READ_AGAIN: Final = "nothing was changed: ask again"


@dataclass(frozen=True)
class Reply:
    """The JSON answer to a question.

    ``is_result`` says that an update was not carried out, because its checkout is over: the answer
    is then the outcome of that.
    """

    answer: Any
    is_result: bool = False


@dataclass(frozen=True)
class Reserve:
    """Begin a checkout, or join it, and answer where it stands."""

    request: CheckoutRequest
    remedy: str = ASK_AGAIN

    @property
    def subject(self) -> str:
        """What it is about, for the text of an error."""
        return f"checkout {self.request.checkout_id!r}"


@dataclass(frozen=True)
class _OfCheckout:
    checkout_id: str

    @property
    def subject(self) -> str:
        """What it is about, for the text of an error."""
        return f"checkout {self.checkout_id!r}"


@dataclass(frozen=True)
class Update(_OfCheckout):
    """Change a checkout by the update of this name.

    A run carries an update of one id out once. One that is not repeatable is not sent to another
    run once one may have carried it out.
    """

    name: str
    message: Message
    update_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_repeatable: bool = False
    remedy: str = ASK_AGAIN
    # What says the same where the checkout's own workflow is gone; None lets what is open have one
    # again, which is then asked.
    settlement: Settlement | None = None


@dataclass(frozen=True)
class Status(_OfCheckout):
    """Ask a checkout for its report."""

    remedy: str = READ_AGAIN


@dataclass(frozen=True)
class Adjust:
    """Change a stock item, once for the adjustment's id."""

    change: StockAdjustment
    remedy: str = ADJUST_AGAIN

    @property
    def subject(self) -> str:
        """What it is about, for the text of an error."""
        return f"stock adjustment {self.change.adjustment_id!r}"


@dataclass(frozen=True)
class Read:
    """Have a worker read from the database, by a workflow of its own that ends at once."""

    subject: str
    workflow: str
    workflow_id: str
    request: Message
    remedy: str = READ_AGAIN


def timeline_wanted(request: TimelineRequest) -> Read:
    """Return the question for a timeline, which has a workflow of its own."""
    id = request.checkout_id
    workflow_id = timeline_workflow_id(id, uuid.uuid4().hex)
    return Read(f"the timeline of checkout {id!r}", TIMELINE_WORKFLOW, workflow_id, request)


@dataclass(frozen=True)
class ListCheckouts:
    """List checkouts from Temporal's index; the answer is a list of ``CheckoutSummary``."""

    wanted: CheckoutFilter
    subject: str = "the list of checkouts"
    remedy: str = READ_AGAIN


Question = Reserve | Update | Status | Adjust | Read | ListCheckouts
