"""What a checkout service may type against, so that its tests can put the fake in place."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

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


class Reservations(Protocol):
    """The methods that ReservationClient, which describes them, and FakeReservationClient share."""

    async def reserve(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        hold_seconds: int = HOLD_SECONDS_DEFAULT,
        customer_id: str | None = None,
        cart_id: str | None = None,
    ) -> Outcome:
        """Hold every line, or none."""
        ...

    async def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        actor: str = "",
    ) -> SettledOutcome:
        """Fulfil or commit the hold, because it was paid."""
        ...

    async def fulfil(
        self,
        checkout_id: str,
        shipment_id: str,
        lines: Sequence[LineLike] | None = None,
        *,
        rest: Rest = "keep",
        actor: str = "",
    ) -> Committed | Fulfilled | UnknownOutcome:
        """Ship units of a committed checkout."""
        ...

    async def release(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        reason: str = "",
        actor: str = "",
        release_id: str | None = None,
    ) -> Outcome:
        """Give units of a hold or of a committed checkout back."""
        ...

    async def extend(
        self,
        checkout_id: str,
        seconds: int,
        *,
        reason: str = "",
        actor: str = "",
        extension_id: str | None = None,
    ) -> Held:
        """Move the deadline of a live hold."""
        ...

    async def cancel(
        self, checkout_id: str, *, reason: str = "", actor: str = ""
    ) -> FinalOutcome | UnknownOutcome:
        """Give the hold back."""
        ...

    async def status(self, checkout_id: str) -> CheckoutReport:
        """Report where a checkout stands and how it came there."""
        ...

    async def timeline(self, checkout_id: str) -> Timeline:
        """Tell the story of a checkout from the database."""
        ...

    async def holds(
        self,
        *,
        sku: str | None = None,
        customer_id: str | None = None,
        ends_within_seconds: int | None = None,
        limit: int = HOLDS_LIMIT_DEFAULT,
    ) -> Holds:
        """List who holds stock and until when."""
        ...

    async def adjust_stock(
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
        """Change a stock item."""
        ...

    async def list(
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
        ...
