"""Replays orders as checkouts: reserve each, then pay, extend, cancel or abandon it.

The engine only asks, listens and counts. It takes any client with the methods of
:class:`~holdfast_client.protocol.Reservations`, tells each step to a callback, and never sees a
file or a terminal, so ``holdfast replay`` and a demo can share it::

    replay = Replay(client, orders, ReplayOptions(prefix="demo"), on_event=print)
    report = await replay.run()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from holdfast_client.cli.orders.reading import Order
from holdfast_client.cli.replay.plan import (
    Intent,
    ReplayOptions,
    checkout_id_of_order,
    intent_of,
)
from holdfast_client.cli.replay.report import (
    CheckoutStep,
    ExpiryWait,
    Question,
    ReplayEvent,
    ReplayReport,
    Step,
    Tally,
)
from holdfast_client.contract.errors import (
    ExtensionRefused,
    HoldfastError,
    HoldNotActive,
    OutcomeUnknown,
)
from holdfast_client.contract.outcomes import (
    FINAL_STATUSES,
    CheckoutStatus,
    Held,
    Outcome,
)
from holdfast_client.methods.reservations import Reservations

ASK_AGAIN_MAX: Final = 5
UNKNOWN_IN_A_ROW_MAX: Final = 20
EXPIRY_GRACE_SECONDS: Final = 30.0
ACTOR: Final = "replay"

_ASK_AGAIN_PAUSE_SECONDS: Final = 0.5
_ASK_AGAIN_PAUSE_SECONDS_MAX: Final = 5.0
_EXPIRY_PAUSE_SECONDS: Final = 0.5

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class _Shopper:
    order: Order
    checkout_id: str
    intent: Intent


@dataclass(frozen=True)
class _Abandoned:
    shopper: _Shopper
    held_until: float


class Replay:
    """One replay; run it once.

    Args:
        client: whom to ask.
        orders: what to ask for.
        options: how, with the seed that decides which order does what.
        on_event: told each step as it happens; what it raises ends the replay.
        sleep, clock: seconds to wait, and seconds that have passed; of this process if left out.
    """

    def __init__(
        self,
        client: Reservations,
        orders: Sequence[Order],
        options: ReplayOptions,
        *,
        on_event: Callable[[ReplayEvent], None] = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._client = client
        self._options = options
        self._on_event = on_event
        self._sleep = sleep
        self._clock = clock
        self._shoppers = [self._shopper(order) for order in orders]
        self._waiting = iter(self._shoppers)
        self._abandoned: list[_Abandoned] = []
        self._tally = Tally()
        self._unknown_in_a_row = 0
        self._duration_seconds = 0.0
        self._expiry_wait_seconds = 0.0

    async def run(self) -> ReplayReport:
        """Ask for all orders and return what came of them.

        An order without an answer is asked for again, at most ``ASK_AGAIN_MAX`` times for each of
        its steps. When ``UNKNOWN_IN_A_ROW_MAX`` orders in a row stay unknown, the server is taken
        for gone and the rest is not asked. Errors of single checkouts are counted, never raised.
        """
        began = self._clock()
        try:
            await self._side_by_side(self._serve_shoppers)
        finally:
            self._duration_seconds = self._clock() - began
        for shopper in self._waiting:
            self._tell(shopper, Step.NOT_ASKED)
        if self._options.wait_for_expiry and self._abandoned:
            await self._see_holds_expire()
        return self.report()

    def report(self) -> ReplayReport:
        """Return what has been counted so far; of use when a run was interrupted."""
        return self._tally.report(
            prefix=self._options.prefix,
            orders=len(self._shoppers),
            duration_seconds=self._duration_seconds,
            expiry_wait_seconds=self._expiry_wait_seconds,
        )

    async def _side_by_side(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._options.concurrency, len(self._shoppers))):
                group.create_task(work())

    async def _serve_shoppers(self) -> None:
        while self._unknown_in_a_row < UNKNOWN_IN_A_ROW_MAX:
            shopper = next(self._waiting, None)
            if shopper is None:
                return
            await self._serve(shopper)

    async def _serve(self, shopper: _Shopper) -> None:
        try:
            await self._check_out(shopper)
        except OutcomeUnknown as error:
            self._unknown_in_a_row += 1
            self._tell_error(shopper, Step.UNKNOWN, error)
            return
        except HoldfastError as error:
            self._tell_error(shopper, Step.FAILED, error)
        self._unknown_in_a_row = 0

    async def _check_out(self, shopper: _Shopper) -> None:
        outcome = await self._reserve(shopper)
        if not isinstance(outcome, Held):
            return
        held_until = self._clock() + self._options.hold_seconds
        if shopper.intent is Intent.ABANDON:
            self._abandoned.append(_Abandoned(shopper, held_until))
            self._tell(shopper, Step.ABANDONED)
            return
        await self._think()
        if shopper.intent is Intent.CANCEL:
            await self._cancel(shopper)
            return
        if shopper.intent is Intent.EXTEND:
            await self._extend(shopper)
            await self._think()
        await self._confirm(shopper)

    async def _reserve(self, shopper: _Shopper) -> Outcome:
        order = shopper.order
        outcome, seconds = await self._ask(
            shopper,
            lambda: self._client.reserve(
                shopper.checkout_id,
                order.lines,
                hold_seconds=self._options.hold_seconds,
                customer_id=order.customer_id,
                cart_id=order.order_id,
            ),
        )
        self._tell(shopper, Step(outcome.status), "reserve", outcome, seconds)
        return outcome

    async def _confirm(self, shopper: _Shopper) -> None:
        outcome, seconds = await self._ask(
            shopper,
            lambda: self._client.confirm(
                shopper.checkout_id, f"payment of {shopper.checkout_id}", actor=ACTOR
            ),
        )
        self._tell(shopper, Step(outcome.status), "confirm", outcome, seconds)

    async def _extend(self, shopper: _Shopper) -> None:
        try:
            outcome, seconds = await self._ask(
                shopper,
                lambda: self._client.extend(
                    shopper.checkout_id,
                    self._options.hold_seconds,
                    reason="the shopper needs longer",
                    actor=ACTOR,
                ),
            )
        except (HoldNotActive, ExtensionRefused):
            # The hold stays as it is; paying for it tells what that is.
            return
        self._tell(shopper, Step.EXTENDED, "extend", outcome, seconds)

    async def _cancel(self, shopper: _Shopper) -> None:
        outcome, seconds = await self._ask(
            shopper,
            lambda: self._client.cancel(
                shopper.checkout_id, reason="the shopper changed their mind", actor=ACTOR
            ),
        )
        self._tell(shopper, Step(outcome.status), "cancel", outcome, seconds)

    async def _think(self) -> None:
        if self._options.think_seconds:
            await self._sleep(self._options.think_seconds)

    async def _ask(
        self, shopper: _Shopper, call: Callable[[], Awaitable[Answer]]
    ) -> tuple[Answer, float]:
        """Return the answer and the seconds that it took, asking again while it is unknown."""
        began = self._clock()
        pause_seconds = _ASK_AGAIN_PAUSE_SECONDS
        for _ in range(ASK_AGAIN_MAX):
            try:
                return await call(), self._clock() - began
            except OutcomeUnknown as error:
                self._tell_error(shopper, Step.ASKED_AGAIN, error)
            await self._sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _ASK_AGAIN_PAUSE_SECONDS_MAX)
        return await call(), self._clock() - began

    async def _see_holds_expire(self) -> None:
        began = self._clock()
        last = max(hold.held_until for hold in self._abandoned)
        self._pass_on(ExpiryWait(len(self._abandoned), max(0.0, last - began)))
        self._abandoned.sort(key=lambda hold: hold.held_until)
        holds = iter(self._abandoned)

        async def watch() -> None:
            for hold in holds:
                await self._sleep(max(0.0, hold.held_until - self._clock()))
                await self._see_hold_expire(hold.shopper, last + EXPIRY_GRACE_SECONDS)

        try:
            await self._side_by_side(watch)
        finally:
            self._expiry_wait_seconds = self._clock() - began

    async def _see_hold_expire(self, shopper: _Shopper, give_up_at: float) -> None:
        """Ask until the checkout has ended; if it has not when time is up, it counts as open."""
        while self._clock() < give_up_at:
            status = await self._status(shopper)
            if status in FINAL_STATUSES:
                self._tell(shopper, Step(status), "status")
                return
            await self._sleep(_EXPIRY_PAUSE_SECONDS)

    async def _status(self, shopper: _Shopper) -> CheckoutStatus | str | None:
        try:
            return (await self._client.status(shopper.checkout_id)).status
        except HoldfastError:
            # The shopper got an answer and only the end of the hold is awaited: look again.
            return None

    def _shopper(self, order: Order) -> _Shopper:
        return _Shopper(
            order,
            checkout_id_of_order(self._options.prefix, order.order_id),
            intent_of(order.order_id, self._options),
        )

    def _tell(
        self,
        shopper: _Shopper,
        step: Step,
        asked: Question = "",
        outcome: Outcome | None = None,
        seconds: float | None = None,
    ) -> None:
        self._pass_on(
            CheckoutStep(
                shopper.order,
                shopper.checkout_id,
                shopper.intent,
                step,
                asked=asked,
                outcome=outcome,
                seconds=seconds,
            )
        )

    def _tell_error(self, shopper: _Shopper, step: Step, error: HoldfastError) -> None:
        self._pass_on(
            CheckoutStep(
                shopper.order,
                shopper.checkout_id,
                shopper.intent,
                step,
                error_type=type(error).__name__,
                error_message=str(error),
            )
        )

    def _pass_on(self, event: ReplayEvent) -> None:
        if isinstance(event, CheckoutStep):
            self._tally.take(event)
        self._on_event(event)
