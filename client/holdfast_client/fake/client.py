"""A shop in memory, for the tests of a checkout service: no Temporal, no database, no waiting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from holdfast_client.contract import arguments
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import STOCK_QUANTITY_MAX, Message, PartyId
from holdfast_client.contract.messages import Line
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.fake.shop import MemoryShop, StockFigures, StockItem
from holdfast_client.fake.transport import MemoryTransport
from holdfast_client.methods.reservations import Reservations
from holdfast_client.questions import Question, Reply
from holdfast_client.sync_methods.reservations import SyncReservations

HOLD_LENGTH_SECONDS_MAX_DEFAULT: Final = 14_400


class _Cart(Message):
    cart_id: PartyId


class _Awaited:
    """The transport in memory for callers that await."""

    def __init__(self, memory: MemoryTransport) -> None:
        self._memory = memory

    async def ask(self, question: Question) -> Reply:
        return self._memory.ask(question)

    async def close(self) -> None:
        self._memory.close()


class _InMemory:
    """What a test may do to a shop in memory besides calling its client."""

    def __init__(
        self,
        stock: Mapping[str, int] | None = None,
        *,
        now: datetime | None = None,
        hold_length_seconds_max: int = HOLD_LENGTH_SECONDS_MAX_DEFAULT,
    ) -> None:
        self._shop = MemoryShop(now or datetime.now(UTC), hold_length_seconds_max)
        self._memory = MemoryTransport(self._shop)
        for sku, total in (stock or {}).items():
            self.set_stock(sku, total)

    @property
    def now(self) -> datetime:
        """The time on the fake's clock."""
        return self._shop.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass; every hold whose deadline has come by then expires."""
        if not math.isfinite(seconds) or seconds < 0:
            raise InvalidRequest("seconds", "must be a number of seconds, 0 or more")
        with self._memory.guard:
            self._shop.advance(seconds)

    def set_stock(
        self, sku: str, total: int, location: str = DEFAULT_LOCATION, *, active: bool = True
    ) -> None:
        """Put a stock item in place: its total in units, and whether it may be sold.

        Raises:
            InvalidRequest: the SKU or the location is none, or the total is negative, or less than
                what is reserved.
        """
        name = arguments.stock_item(sku, location)
        with self._memory.guard:
            reserved = self._shop.items.get(name, StockItem()).reserved
            if isinstance(total, bool) or not reserved <= total <= STOCK_QUANTITY_MAX:
                raise InvalidRequest("total", f"must be {reserved} to {STOCK_QUANTITY_MAX} units")
            self._shop.items[name] = StockItem(total, reserved, active)

    def set_cart(self, cart_id: str, lines: Mapping[str, int]) -> None:
        """Put a cart in place, as an adopted shop has it: units by SKU, at the location ``main``.

        It stays as it is, whatever becomes of its checkouts.

        Raises:
            InvalidRequest: an id is none, or a quantity is not 1 to 1,000,000.
        """
        for sku, quantity in lines.items():
            arguments.validated(Line, sku=sku, quantity=quantity)
        arguments.validated(_Cart, cart_id=cart_id)
        with self._memory.guard:
            self._shop.carts[cart_id] = dict(lines)

    def stock(self, sku: str, location: str = DEFAULT_LOCATION) -> StockFigures:
        """Return the figures of a stock item; all 0 for an unknown one."""
        return self._shop.items.get(arguments.stock_item(sku, location), StockItem()).figures

    def make_unavailable(self, unavailable: bool = True) -> None:
        """Let the inventory database be out of reach, or back.

        A new ``reserve`` is answered by Unavailable; whatever else would change or read the
        database gets no answer in time (OutcomeUnknown) and is not carried out.
        """
        self._memory.is_available = not unavailable

    def make_unreachable(self, unreachable: bool = True) -> None:
        """Let Temporal be out of reach, or back: every call raises ServerUnreachable."""
        self._memory.is_reachable = not unreachable

    def lose_answers(self, count: int = 1) -> None:
        """Lose the next ``count`` answers: the call is carried out and raises OutcomeUnknown."""
        self._memory.answers_to_lose = count


class FakeReservationClient(_InMemory, Reservations):
    """The client over a shop in memory, with the same outcomes and errors as over Temporal.

    Besides its methods it has what a test needs: ``set_stock`` and ``stock``, ``advance`` for its
    clock, and ``make_unavailable``, ``make_unreachable`` and ``lose_answers`` for the bad days.

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
        _InMemory.__init__(self, stock, now=now, hold_length_seconds_max=hold_length_seconds_max)
        Reservations.__init__(self, _Awaited(self._memory))


class SyncFakeReservationClient(_InMemory, SyncReservations):
    """The same shop in memory for code without an event loop, such as a Django view's.

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
        _InMemory.__init__(self, stock, now=now, hold_length_seconds_max=hold_length_seconds_max)
        SyncReservations.__init__(self, self._memory)
