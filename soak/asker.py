"""Single questions, each asked until there is an answer, and written down with it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from holdfast_client.contract.errors import (
    AmendmentRefused,
    CheckoutConflict,
    CheckoutInterrupted,
    ExtensionRefused,
    GraceRefused,
    HoldNotActive,
    OutcomeUnknown,
    OverOpen,
    PaymentConflict,
)
from holdfast_client.contract.messages import CheckoutRequest, Late, Line, Rest, Settle
from holdfast_client.contract.outcomes import Outcome, RefundDue
from soak.carts import SKUS
from soak.shop import Shop
from soak.testimony import RESERVE, Told

ASK_AGAIN_SECONDS_MAX: Final = 0.5
EXTENSION_SECONDS_MAX: Final = 5
# More than any cart asks for, so that the other lines cannot be the same by chance.
_OTHER_QUANTITY: Final = 999
_OTHER_LINES: Final = "reserve other lines"
SUPERSEDE: Final = "reserve in its place"
_SHARED: Final = "confirm by a payment of two"
# What is refused for a good reason, by what was asked.
_REFUSALS: Final[dict[str, tuple[type[Exception], ...]]] = {
    "extend": (HoldNotActive, ExtensionRefused),
    "amend": (HoldNotActive, AmendmentRefused),
    # A cart may have been amended, or ended, by then.
    "release": (HoldNotActive, OverOpen),
    "ship": (HoldNotActive, OverOpen),
    "payment started": (HoldNotActive, GraceRefused),
    _SHARED: (PaymentConflict,),
    # What it is to take the place of is perhaps paid by then.
    SUPERSEDE: (CheckoutConflict,),
    _OTHER_LINES: (CheckoutConflict,),
}

Call = Callable[[], Awaitable[Outcome | RefundDue]]


class Asker:
    """Asks for one shopper.

    Args:
        shop: shared with the others.
        chance: of the shopper.
    """

    def __init__(self, shop: Shop, chance: random.Random) -> None:
        self._shop = shop
        self._chance = chance

    async def reserve(self, request: CheckoutRequest, asked: str = RESERVE) -> Outcome | None:
        """Ask for a cart; ``asked`` is how the question is written down."""
        self._shop.testimony.wants(request)
        return await self._ask_for(request, asked)

    async def confirm(self, id: str, payment: str) -> None:
        """Say that it was paid."""
        payment_reference = f"{id}-{payment}"
        self._shop.testimony.pays(id, payment_reference)
        call = self._shop.client.confirm
        await self._ask(
            "confirm", id, lambda: call(id, payment_reference), payment=payment_reference
        )

    async def commit(self, id: str, payment: str) -> Outcome | None:
        """Say that it was paid, and keep it on the shelf."""
        payment_reference = f"{id}-{payment}"
        self._shop.testimony.pays(id, payment_reference)
        call = self._shop.client.confirm
        return await self._ask(
            "commit",
            id,
            lambda: call(id, payment_reference, settle="commit"),
            payment=payment_reference,
        )

    async def pay_late(
        self, id: str, payment: str, late: Late, settle: Settle = "fulfil"
    ) -> Outcome | None:
        """Say that it was paid, and what is to become of that where it is over."""
        reference = f"{id}-{payment}"
        self._shop.testimony.pays(id, reference)
        if late == "reinstate":
            self._shop.testimony.reinstating.add(id)
        call = self._shop.client.confirm
        return await self._ask(
            "pay late",
            id,
            lambda: call(id, reference, settle=settle, late=late),
            payment=reference,
        )

    async def pay_by_shared(self, id: str, reference: str) -> None:
        """Say that it was paid, by a payment that is named for another checkout too."""
        self._shop.testimony.pays(id, reference)
        call = self._shop.client.confirm
        await self._ask(_SHARED, id, lambda: call(id, reference), payment=reference)

    async def payment_started(self, id: str, payment: str, seconds: int) -> Outcome | None:
        """Say that the buyer is at the bank."""
        call = self._shop.client.payment_started
        return await self._ask("payment started", id, lambda: call(id, f"{id}-{payment}", seconds))

    async def payment_ended(self, id: str, payment: str) -> None:
        """Say that the bank was asked in vain."""
        self._shop.testimony.in_vain.add(id)
        call = self._shop.client.payment_ended
        await self._ask("payment ended", id, lambda: call(id, f"{id}-{payment}"))

    async def ship(
        self, id: str, parcel: str, line: Line | None = None, rest: Rest = "keep"
    ) -> Outcome | None:
        """Ship one unit of a line, or all that is open."""
        lines = [(line.sku, 1)] if line else None
        call = self._shop.client.fulfil
        return await self._ask("ship", id, lambda: call(id, f"{id}-{parcel}", lines, rest=rest))

    async def give_back(self, id: str, line: Line) -> None:
        """Give one unit of a line back."""
        name, call = f"{id}-release", self._shop.client.release
        await self._ask("release", id, lambda: call(id, [(line.sku, 1)], release_id=name))

    async def amend(self, id: str, lines: Sequence[Line]) -> None:
        """Ask for other lines in the place of those that are held."""
        name, call = f"{id}-amendment", self._shop.client.amend
        await self._ask("amend", id, lambda: call(id, lines, amendment_id=name))

    async def cancel(self, id: str) -> None:
        """Give it back."""
        await self._ask("cancel", id, lambda: self._shop.client.cancel(id, reason="soak"))

    async def extend(self, id: str) -> None:
        """Ask for some more seconds."""
        seconds = self._chance.randint(1, EXTENSION_SECONDS_MAX)
        # Named, so that asking again after no answer extends it once.
        name = f"{id}-extension"
        await self._ask(
            "extend", id, lambda: self._shop.client.extend(id, seconds, extension_id=name)
        )

    async def ask_for_other_lines(self, request: CheckoutRequest) -> None:
        """Ask for something else under the same id, which must be refused."""
        other = Line(sku=self._chance.choice(SKUS), quantity=_OTHER_QUANTITY)
        changed = request.model_copy(update={"lines": (other,)})
        outcome = await self._ask_for(changed, _OTHER_LINES)
        if outcome is not None:
            self._shop.testimony.meets(f"{request.checkout_id}: other lines: {outcome}")

    # --- asking ----------------------------------------------------------------------------------

    async def _ask_for(self, request: CheckoutRequest, asked: str) -> Outcome | None:
        return await self._ask(
            asked,
            request.checkout_id,
            lambda: self._shop.client.reserve(
                request.checkout_id,
                request.lines,
                hold_seconds=request.hold_seconds,
                customer_id=request.customer_id,
                supersedes=request.supersedes,
            ),
        )

    async def _ask(
        self, asked: str, id: str, call: Call, *, payment: str | None = None
    ) -> Outcome | None:
        """Ask until there is an answer or a refusal, and write it down; None for a refusal."""
        while True:
            began = time.monotonic()
            try:
                answer = await call()
            except OutcomeUnknown as error:
                self._count(error)
                unknown = str(error)
            except Exception as error:  # noqa: BLE001  # whatever it is, the verdict must hear of it
                if payment and isinstance(error, PaymentConflict):
                    self._shop.testimony.answered.add(payment)
                self._refused(asked, id, error)
                return None
            else:
                return self._heard(asked, id, began, answer, payment)
            if time.monotonic() > self._shop.patience_ends:
                self._shop.testimony.unanswered[id] = f"{asked}: {unknown}"
                return None
            await asyncio.sleep(self._chance.random() * ASK_AGAIN_SECONDS_MAX)

    def _heard(
        self, asked: str, id: str, began: float, answer: Outcome | RefundDue, payment: str | None
    ) -> Outcome | None:
        testimony = self._shop.testimony
        if payment:
            testimony.hears_of_payment(id, payment, answer)
        outcome = answer.standing if isinstance(answer, RefundDue) else answer
        if outcome is None:
            testimony.meets(f"{id}: {asked}: {answer}")
        else:
            testimony.hears(Told(id, asked, began, time.monotonic(), outcome))
        return outcome

    def _refused(self, asked: str, id: str, error: Exception) -> None:
        testimony = self._shop.testimony
        self._count(error)
        if isinstance(error, CheckoutInterrupted):
            testimony.interrupted.add(id)
        elif not isinstance(error, _REFUSALS.get(asked, ())):
            testimony.meets(f"{id}: {asked}: {type(error).__name__}: {error}")

    def _count(self, error: Exception) -> None:
        self._shop.testimony.counts[f"met {type(error).__name__}"] += 1
