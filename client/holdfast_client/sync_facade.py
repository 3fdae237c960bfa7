"""The methods of ReservationClient without ``await``, over the real client or over a fake."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT
from holdfast_client.contract.holds import HOLDS_LIMIT_DEFAULT, Holds
from holdfast_client.contract.messages import AdjustmentKind, Rest, Settle
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.contract.outcomes import (
    AdjustmentOutcome,
    CheckoutReport,
    Committed,
    FinalOutcome,
    Fulfilled,
    Held,
    Outcome,
    SettledOutcome,
    UnknownOutcome,
)
from holdfast_client.contract.summaries import LIST_LIMIT_DEFAULT, CheckoutSummary, SummaryStatus
from holdfast_client.contract.timeline import Timeline
from holdfast_client.protocol import Reservations

Answer = TypeVar("Answer")
Ask = Callable[[Reservations], Coroutine[Any, Any, Answer]]


class SyncReservations(ABC):
    """Each method does, returns and raises what the one of ReservationClient does."""

    def reserve(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        hold_seconds: int = HOLD_SECONDS_DEFAULT,
        customer_id: str | None = None,
        cart_id: str | None = None,
    ) -> Outcome:
        """Hold every line, or none."""
        return self._answer(
            lambda client: client.reserve(
                checkout_id,
                lines,
                hold_seconds=hold_seconds,
                customer_id=customer_id,
                cart_id=cart_id,
            )
        )

    def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        actor: str = "",
    ) -> SettledOutcome:
        """Fulfil or commit the hold, because it was paid."""
        return self._answer(
            lambda client: client.confirm(
                checkout_id, payment_reference, settle=settle, actor=actor
            )
        )

    def fulfil(
        self,
        checkout_id: str,
        shipment_id: str,
        lines: Sequence[LineLike] | None = None,
        *,
        rest: Rest = "keep",
        actor: str = "",
    ) -> Committed | Fulfilled | UnknownOutcome:
        """Ship units of a committed checkout; the same shipment id ships them once."""
        return self._answer(
            lambda client: client.fulfil(checkout_id, shipment_id, lines, rest=rest, actor=actor)
        )

    def release(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        reason: str = "",
        actor: str = "",
        release_id: str | None = None,
    ) -> Outcome:
        """Give units of a hold or of a committed checkout back, and keep the others."""
        return self._answer(
            lambda client: client.release(
                checkout_id, lines, reason=reason, actor=actor, release_id=release_id
            )
        )

    def extend(
        self,
        checkout_id: str,
        seconds: int,
        *,
        reason: str = "",
        actor: str = "",
        extension_id: str | None = None,
    ) -> Held:
        """Move the deadline of a live hold by ``seconds``; once for the same extension id."""
        return self._answer(
            lambda client: client.extend(
                checkout_id, seconds, reason=reason, actor=actor, extension_id=extension_id
            )
        )

    def cancel(
        self, checkout_id: str, *, reason: str = "", actor: str = ""
    ) -> FinalOutcome | UnknownOutcome:
        """Give the hold back."""
        return self._answer(lambda client: client.cancel(checkout_id, reason=reason, actor=actor))

    def status(self, checkout_id: str) -> CheckoutReport:
        """Report where a checkout stands and how it came there."""
        return self._answer(lambda client: client.status(checkout_id))

    def timeline(self, checkout_id: str) -> Timeline:
        """Tell the story of a checkout from the database, also when Temporal has forgotten it."""
        return self._answer(lambda client: client.timeline(checkout_id))

    def holds(
        self,
        *,
        sku: str | None = None,
        customer_id: str | None = None,
        ends_within_seconds: int | None = None,
        limit: int = HOLDS_LIMIT_DEFAULT,
    ) -> Holds:
        """List who holds stock and until when, and what comes free when."""
        return self._answer(
            lambda client: client.holds(
                sku=sku,
                customer_id=customer_id,
                ends_within_seconds=ends_within_seconds,
                limit=limit,
            )
        )

    def adjust_stock(
        self,
        adjustment_id: str,
        sku: str,
        kind: AdjustmentKind,
        quantity: int,
        *,
        location: str = DEFAULT_LOCATION,
        reason: str = "",
        actor: str = "",
        new: bool = True,
    ) -> AdjustmentOutcome:
        """Change a stock item; the same adjustment id is applied once."""
        return self._answer(
            lambda client: client.adjust_stock(
                adjustment_id,
                sku,
                kind,
                quantity,
                location=location,
                reason=reason,
                actor=actor,
                new=new,
            )
        )

    def list(
        self,
        *,
        status: SummaryStatus | None = None,
        customer_id: str | None = None,
        cart_id: str | None = None,
        sku: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        limit: int = LIST_LIMIT_DEFAULT,
    ) -> builtins.list[CheckoutSummary]:
        """List the checkouts that meet every given condition, the open ones first."""
        return self._answer(
            lambda client: client.list(
                status=status,
                customer_id=customer_id,
                cart_id=cart_id,
                sku=sku,
                started_after=started_after,
                started_before=started_before,
                limit=limit,
            )
        )

    @abstractmethod
    def _answer(self, ask: Ask[Answer]) -> Answer:
        """Ask the async client and wait for its answer."""
