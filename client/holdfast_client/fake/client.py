"""A shop in memory, for the tests of a checkout service: no Temporal, no database, no waiting."""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from holdfast_client.contract import arguments
from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.errors import (
    HoldfastError,
    InvalidRequest,
    OutcomeUnknown,
    ServerUnreachable,
)
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT, STOCK_QUANTITY_MAX
from holdfast_client.contract.holds import HOLDS_LIMIT_DEFAULT, Holds, HoldsRequest
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
from holdfast_client.contract.summaries import (
    LIST_LIMIT_DEFAULT,
    CheckoutFilter,
    CheckoutSummary,
    SummaryStatus,
)
from holdfast_client.contract.timeline import Timeline
from holdfast_client.fake.holds import holds_of
from holdfast_client.fake.ledger import FakeLedger, Shelf, StockFigures
from holdfast_client.fake.parts import give_back, ship
from holdfast_client.fake.timeline import timeline_of
from holdfast_client.transport.closable import Closable

HOLD_LENGTH_SECONDS_MAX_DEFAULT: Final = 14_400


class FakeReservationClient(Closable):
    """The methods of ReservationClient over stock in memory, with the same outcomes and errors.

    Besides them it has what a test needs: ``set_stock`` and ``stock``, ``advance`` for its clock,
    and ``make_unavailable``, ``make_unreachable`` and ``lose_answers`` for the bad days.

    Args:
        stock: units by SKU, at the location ``main``.
        now: where the clock starts; the present moment if left out. Must be in UTC.
        hold_length_seconds_max: the cap on a hold's whole length, from its creation.
    """

    def __init__(
        self,
        stock: Mapping[str, int] | None = None,
        *,
        now: datetime | None = None,
        hold_length_seconds_max: int = HOLD_LENGTH_SECONDS_MAX_DEFAULT,
    ) -> None:
        self._ledger = FakeLedger(now or datetime.now(UTC), hold_length_seconds_max)
        self._inventory_answers = True
        self._is_reachable = True
        self._answers_to_lose = 0
        for sku, total in (stock or {}).items():
            self.set_stock(sku, total)

    @property
    def now(self) -> datetime:
        """The time on the fake's clock."""
        return self._ledger.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; every hold whose deadline has come by then expires."""
        if not math.isfinite(seconds) or seconds < 0:
            raise InvalidRequest("seconds", "must be a number of seconds, 0 or more")
        self._ledger.move_clock(seconds)

    def set_stock(
        self, sku: str, total: int, location: str = DEFAULT_LOCATION, *, active: bool = True
    ) -> None:
        """Put a stock item in place: its total in units, and whether it may be sold.

        Raises:
            InvalidRequest: the SKU or the location is none, or the total is negative, or less than
                what is reserved.
        """
        item = arguments.stock_item(sku, location)
        shelf = self._ledger.shelves.get(item, Shelf())
        if isinstance(total, bool) or not shelf.reserved <= total <= STOCK_QUANTITY_MAX:
            raise InvalidRequest("total", f"must be {shelf.reserved} to {STOCK_QUANTITY_MAX} units")
        self._ledger.shelves[item] = Shelf(total, shelf.reserved, active)

    def stock(self, sku: str, location: str = DEFAULT_LOCATION) -> StockFigures:
        """Return the figures of a stock item; all 0 for an unknown one."""
        return self._ledger.shelves.get(arguments.stock_item(sku, location), Shelf()).figures

    def make_unavailable(self, unavailable: bool = True) -> None:
        """Let the inventory database be out of reach, or back.

        A new ``reserve`` is answered by Unavailable; a confirmation, extension, cancellation or
        adjustment gets no answer in time (OutcomeUnknown) and is not carried out.
        """
        self._inventory_answers = not unavailable

    def make_unreachable(self, unreachable: bool = True) -> None:
        """Let Temporal be out of reach, or back: every call raises ServerUnreachable."""
        self._is_reachable = not unreachable

    def lose_answers(self, count: int = 1) -> None:
        """Lose the next ``count`` answers: the call is carried out and raises OutcomeUnknown."""
        self._answers_to_lose = count

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
        request = arguments.checkout_request(checkout_id, lines, hold_seconds, customer_id, cart_id)
        with self._answering(f"checkout {checkout_id!r}"):
            return self._ledger.reserve(request, inventory_answers=self._inventory_answers)

    async def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        actor: str = "",
    ) -> SettledOutcome:
        """Fulfil or commit the hold, because it was paid."""
        message = arguments.confirmation(payment_reference, settle, actor)
        with self._changing(checkout_id):
            return self._ledger.confirm(checkout_id, message)

    async def fulfil(
        self,
        checkout_id: str,
        shipment_id: str,
        lines: Sequence[LineLike] | None = None,
        *,
        rest: Rest = "keep",
        actor: str = "",
    ) -> Committed | Fulfilled | UnknownOutcome:
        """Ship units of a committed checkout; the same shipment id ships them once."""
        message = arguments.shipment(shipment_id, lines, rest, actor)
        with self._changing(checkout_id):
            return ship(self._ledger, checkout_id, message)

    async def release(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        reason: str = "",
        actor: str = "",
        release_id: str | None = None,
    ) -> Outcome:
        """Give units of a hold or of a committed checkout back; once for the same release id."""
        message = arguments.partial_release(lines, reason, actor)
        key = arguments.release_id_of_call(release_id)
        with self._changing(checkout_id):
            return give_back(self._ledger, checkout_id, message, key)

    async def extend(
        self,
        checkout_id: str,
        seconds: int,
        *,
        reason: str = "",
        actor: str = "",
        extension_id: str | None = None,
    ) -> Held:
        """Move the deadline of a live hold; the same extension id moves it once."""
        message = arguments.extension(seconds, reason, actor)
        key = arguments.extension_id_of_call(extension_id)
        with self._changing(checkout_id):
            return self._ledger.extend(checkout_id, message, key)

    async def cancel(
        self, checkout_id: str, *, reason: str = "", actor: str = ""
    ) -> FinalOutcome | UnknownOutcome:
        """Give the hold back."""
        message = arguments.cancellation(reason, actor)
        with self._changing(checkout_id):
            return self._ledger.cancel(checkout_id, message)

    async def status(self, checkout_id: str) -> CheckoutReport:
        """Report where a checkout stands and how it came there."""
        arguments.checkout_id_of_call(checkout_id)
        with self._answering(f"checkout {checkout_id!r}"):
            return self._ledger.report(checkout_id)

    async def timeline(self, checkout_id: str) -> Timeline:
        """Tell the story of a checkout from the database."""
        arguments.checkout_id_of_call(checkout_id)
        subject = f"the timeline of checkout {checkout_id!r}"
        with self._answering(subject):
            self._require_inventory(subject)
            return timeline_of(self._ledger.known(checkout_id))

    async def holds(
        self,
        *,
        sku: str | None = None,
        customer_id: str | None = None,
        ends_within_seconds: int | None = None,
        limit: int = HOLDS_LIMIT_DEFAULT,
    ) -> Holds:
        """List who holds stock and until when, and what comes free when."""
        request = arguments.validated(
            HoldsRequest,
            sku=sku,
            customer_id=customer_id,
            ends_within_seconds=ends_within_seconds,
            limit=limit,
        )
        with self._answering("the holds"):
            self._require_inventory("the holds")
            return holds_of(self._ledger, request)

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
        change = arguments.stock_adjustment(
            adjustment_id, sku, kind, quantity, location, reason, actor, new=new
        )
        subject = f"stock adjustment {adjustment_id!r}"
        with self._answering(subject):
            self._require_inventory(subject)
            return self._ledger.adjust(change)

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
        wanted = arguments.validated(
            CheckoutFilter,
            status=status,
            customer_id=customer_id,
            cart_id=cart_id,
            sku=sku,
            started_after=started_after,
            started_before=started_before,
            limit=limit,
        )
        with self._answering("the list of checkouts"):
            admitted = filter(wanted.admits, self._ledger.summaries())
            return [*islice(admitted, wanted.limit)]

    @contextmanager
    def _changing(self, checkout_id: str) -> Iterator[None]:
        arguments.checkout_id_of_call(checkout_id)
        subject = f"checkout {checkout_id!r}"
        with self._answering(subject):
            if self._is_open(checkout_id):
                self._require_inventory(subject)
            yield

    @contextmanager
    def _answering(self, subject: str) -> Iterator[None]:
        self._require_open()
        if not self._is_reachable:
            raise ServerUnreachable(f"{subject}: the fake was made unreachable; ask again")
        is_lost = self._answers_to_lose > 0
        self._answers_to_lose -= is_lost
        try:
            yield
        except HoldfastError:
            if not is_lost:
                raise
        if is_lost:
            raise OutcomeUnknown(f"{subject}: the fake lost the answer; ask again with the same id")

    def _require_inventory(self, subject: str) -> None:
        if not self._inventory_answers:
            raise OutcomeUnknown(f"{subject}: the fake's inventory is out of reach; ask again")

    def _is_open(self, checkout_id: str) -> bool:
        return self._ledger.report(checkout_id).status in {"held", "committed"}
