"""What one run of a checkout hands to the next."""

from __future__ import annotations

from itertools import accumulate
from typing import TypeVar

from holdfast_client.contract.fields import Answer, UtcTime
from holdfast_client.contract.outcomes import (
    CheckoutEvent,
    OpenOutcome,
    PaymentReport,
    ShipmentReport,
)

AnswerT = TypeVar("AnswerT", bound=Answer)


class CarriedState(Answer):
    """What one run of a checkout's workflow hands to the next."""

    held: OpenOutcome
    # None of what is committed, which waits for no deadline.
    wake_at: UtcTime | None
    payments: tuple[PaymentReport, ...] = ()
    payments_left_out: int = 0
    shipments: tuple[ShipmentReport, ...] = ()
    shipments_left_out: int = 0
    events: tuple[CheckoutEvent, ...]
    events_left_out: int = 0
    attempt: int = 1
    extend_signals: int = 0

    def within(self, bytes_max: int) -> CarriedState:
        """Return it so that it takes no more bytes: of what it tells the oldest is left out.

        Where it stands is carried in any case.
        """
        room = bytes_max - _bytes_of(self.model_copy(update={"events": (), "shipments": ()}))
        shipments = _last_that_fit(self.shipments, room // 2)
        events = _last_that_fit(self.events, room - sum(map(_bytes_of, shipments)))
        left_out = {
            "events_left_out": self.events_left_out + len(self.events) - len(events),
            "shipments_left_out": self.shipments_left_out + len(self.shipments) - len(shipments),
        }
        return self.model_copy(update={"events": events, "shipments": shipments, **left_out})


def _last_that_fit(told: tuple[AnswerT, ...], room: int) -> tuple[AnswerT, ...]:
    """Return as many of the last as take no more than so many bytes."""
    sizes = accumulate(_bytes_of(each) for each in reversed(told))
    count = sum(size <= room for size in sizes)
    return told[len(told) - count :]


def _bytes_of(answer: Answer) -> int:
    # And a comma.
    return len(answer.model_dump_json().encode()) + 1
