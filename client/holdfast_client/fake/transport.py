"""Carries the client's questions to a shop in memory, on good days and on bad ones."""

from __future__ import annotations

import threading
from typing import assert_never

from holdfast_client.contract.errors import HoldfastError, OutcomeUnknown, ServerUnreachable
from holdfast_client.contract.fields import Answer, Message
from holdfast_client.contract.holds import HoldsRequest
from holdfast_client.contract.messages import (
    Amendment,
    Cancellation,
    Confirmation,
    Extension,
    PartialRelease,
    PaymentEnded,
    PaymentStarted,
    Shipment,
)
from holdfast_client.contract.outcomes import OpenOutcome, Outcome
from holdfast_client.contract.refunds import RefundDone, RefundsRequest
from holdfast_client.contract.timeline import TimelineRequest
from holdfast_client.fake import holding, parts, payments
from holdfast_client.fake.adjusting import adjust
from holdfast_client.fake.amendments import amend
from holdfast_client.fake.holds import holds_of
from holdfast_client.fake.reports import report_of, summaries_of
from holdfast_client.fake.shop import Checkout, MemoryShop
from holdfast_client.fake.timeline import timeline_of
from holdfast_client.questions import (
    Adjust,
    ListCheckouts,
    Question,
    Read,
    Reply,
    Reserve,
    Status,
    Update,
)


class MemoryTransport:
    """Carries questions to a shop in memory, which answers at once, one after the other.

    Args:
        shop: answers them.
    """

    def __init__(self, shop: MemoryShop) -> None:
        self.is_available = True
        self.is_reachable = True
        self.answers_to_lose = 0
        self.guard = threading.Lock()
        self._shop = shop
        self._decided: dict[tuple[str, str], Reply | HoldfastError] = {}

    def ask(self, question: Question) -> Reply:
        """Return the answer, or raise HoldfastError; either may be lost on the way."""
        with self.guard:
            if not self.is_reachable:
                raise ServerUnreachable(
                    f"{question.subject}: the fake was made unreachable; {question.remedy}"
                )
            is_lost = self.answers_to_lose > 0
            self.answers_to_lose -= is_lost
            try:
                reply = self._answered(question)
            except HoldfastError:
                if not is_lost:
                    raise
            else:
                if not is_lost:
                    return reply
            raise OutcomeUnknown(f"{question.subject}: the fake lost the answer; {question.remedy}")

    def _answered(self, question: Question) -> Reply:
        match question:
            case Reserve():
                outcome = holding.reserve(self._shop, question.request, self.is_available)
                return _told(outcome)
            case Update():
                return self._updated(question)
            case Status():
                return _told(report_of(self._shop, self._shop.checkout(question.checkout_id)))
            case ListCheckouts():
                return Reply(summaries_of(self._shop, question.wanted))
            case Adjust():
                self._require_inventory(question)
                return _told(adjust(self._shop, question.change))
            case Read():
                self._require_inventory(question)
                return _told(self._read(question))
            case _:
                assert_never(question)

    def close(self) -> None:
        """Do nothing: a shop in memory outlives its clients."""

    def _updated(self, asked: Update) -> Reply:
        if isinstance(asked.message, Confirmation):
            return self._paid(asked, asked.message)
        is_unknown = asked.checkout_id not in self._shop.checkouts
        if is_unknown and isinstance(asked.message, Cancellation):
            self._require_inventory(asked)
            return _told(holding.bar(self._shop, asked.checkout_id, asked.message))
        checkout = self._shop.checkout(asked.checkout_id)
        # Temporal answers a known id as before, whatever it carries now, and after the end too.
        known = self._decided.get((asked.checkout_id, asked.update_id))
        if known is None and _is_told_by_its_end(checkout, asked.message):
            return _told(checkout.outcome, is_result=True)
        decided = known or self._decision(checkout, asked)
        if isinstance(decided, HoldfastError):
            raise decided
        return decided

    def _decision(self, checkout: Checkout, asked: Update) -> Reply | HoldfastError:
        self._require_inventory(asked)
        decided: Reply | HoldfastError
        try:
            decided = _told(self._changed(checkout, asked))
        except HoldfastError as refusal:
            decided = refusal
        self._decided[asked.checkout_id, asked.update_id] = decided
        return decided

    def _paid(self, asked: Update, message: Confirmation) -> Reply:
        self._require_inventory(asked)
        return _told(payments.pay(self._shop, asked.checkout_id, message))

    def _changed(self, checkout: Checkout, asked: Update) -> Outcome:
        match asked.message:
            case PaymentStarted() | PaymentEnded() as message:
                return payments.in_flight(self._shop, checkout, message)
            case Extension() as message:
                return holding.extend(self._shop, checkout, message)
            case Cancellation() as message:
                return holding.cancel(self._shop, checkout, message)
            case Shipment() as message:
                return parts.ship(self._shop, checkout, message)
            case PartialRelease() as message:
                return parts.give_back(self._shop, checkout, message, asked.update_id)
            case Amendment() as message:
                return amend(self._shop, checkout, message)
        raise TypeError(f"the fake knows no update {asked.name!r}")

    def _read(self, asked: Read) -> Answer:
        match asked.request:
            case TimelineRequest(checkout_id=id):
                return timeline_of(self._shop, id)
            case HoldsRequest() as request:
                return holds_of(self._shop, request)
            case RefundsRequest() as request:
                return payments.refunds_of(self._shop, request)
            case RefundDone() as message:
                return payments.refunded(self._shop, message)
        raise TypeError(f"the fake knows no {asked.workflow!r}")

    def _require_inventory(self, question: Question) -> None:
        if not self.is_available:
            raise OutcomeUnknown(
                f"{question.subject}: the fake's inventory is out of reach; {question.remedy}"
            )


def _told(answer: Answer, *, is_result: bool = False) -> Reply:
    return Reply(answer.model_dump(mode="json"), is_result)


def _is_told_by_its_end(checkout: Checkout, message: Message) -> bool:
    """Say whether a checkout is over, and it is no news of a payment that has not settled it."""
    if isinstance(checkout.outcome, OpenOutcome):
        return False
    paid_by = getattr(checkout.outcome, "payment_reference", None)
    return not isinstance(message, PaymentEnded) or message.payment_reference == paid_by
