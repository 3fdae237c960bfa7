"""Shoppers whose payments take their time, come late, twice, or to nobody who waits for them."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from temporalio.service import RPCError

from holdfast_client.contract.messages import CheckoutRequest, Late, Settle
from holdfast_client.contract.outcomes import Committed, Held
from soak.asker import Asker
from soak.carts import Plan, draw_request
from soak.shop import Shop
from soak.workflow_faults import terminate

AT_THE_BANK_SECONDS: Final = (2, 10)
LATE_SECONDS_MAX: Final = 2.0
PAYS_AGAIN_SHARE: Final = 0.4


class Payer:
    """How one shopper pays.

    Args:
        shop: shared with the others.
        ask: of the shopper.
        chance: of the shopper.
    """

    def __init__(self, shop: Shop, ask: Asker, chance: random.Random) -> None:
        self._shop = shop
        self._ask = ask
        self._chance = chance

    async def carry_out(self, request: CheckoutRequest, plan: Plan) -> None:
        """Pay, or not, as planned."""
        id, ask = request.checkout_id, self._ask
        match plan:
            case Plan.PAY_SLOWLY:
                await self._go_to_the_bank(id)
                await ask.confirm(id, "pay_1")
            case Plan.PAY_IN_VAIN:
                await self._go_to_the_bank(id)
                await ask.payment_ended(id, "pay_1")
                if self._chance.random() < PAYS_AGAIN_SHARE:
                    await ask.confirm(id, "pay_2")
            case Plan.PAY_LATE:
                await self._pay_late(request)
            case Plan.PAY_AGAIN:
                await ask.confirm(id, "pay_1")
                await ask.confirm(id, "pay_1")
                await ask.pay_late(id, "pay_2", "refund")
            case Plan.SHARE:
                await self._share(request)
            case Plan.SETTLE:
                await self._settle(request)

    async def _go_to_the_bank(self, id: str) -> None:
        seconds = self._chance.randint(*AT_THE_BANK_SECONDS)
        if isinstance(await self._ask.payment_started(id, "pay_1", seconds), Held):
            await asyncio.sleep(self._chance.random() * seconds)

    async def _pay_late(self, request: CheckoutRequest) -> None:
        """Pay what is over by then; perhaps the same again, and by another payment."""
        id = request.checkout_id
        late: Late = self._chance.choice(("reinstate", "reinstate", "refund"))
        settle: Settle = self._chance.choice(("fulfil", "commit"))
        await asyncio.sleep(request.hold_seconds + self._chance.random() * LATE_SECONDS_MAX)
        outcome = await self._ask.pay_late(id, "pay_1", late, settle)
        if self._chance.random() < PAYS_AGAIN_SHARE:
            await asyncio.gather(
                self._ask.pay_late(id, "pay_1", late, settle),
                self._ask.pay_late(id, "pay_2", late, settle),
            )
        if isinstance(outcome, Committed):
            await self._ask.ship(id, "parcel-1")

    async def _share(self, request: CheckoutRequest) -> None:
        """Name one payment for two checkouts at once; for one, where nobody knows the other."""
        other = draw_request(self._chance, self._shop.next_id())
        first, second = request.checkout_id, other.checkout_id
        self._shop.in_hand.add(second)
        try:
            asked = (first, second) if await self._ask.reserve(other) else (first,)
            await asyncio.gather(*(self._ask.pay_by_shared(id, f"{first}-shared") for id in asked))
        finally:
            self._shop.in_hand.discard(second)

    async def _settle(self, request: CheckoutRequest) -> None:
        """Let the checkout's workflow be ended by force, and have it settled all the same."""
        id, ask = request.checkout_id, self._ask
        if self._shop.temporal is not None:
            try:
                await terminate(self._shop.temporal, id, self._shop.testimony, self._chance)
            except RPCError:
                self._shop.testimony.counts["blows of shoppers that missed"] += 1
        match self._chance.randrange(5):
            case 0:
                await ask.cancel(id)
            case 1:
                await ask.extend(id)
                await ask.confirm(id, "pay_1")
            case 2:
                await asyncio.gather(ask.confirm(id, "pay_1"), ask.cancel(id))
            case 3:
                if isinstance(await ask.commit(id, "pay_1"), Committed):
                    await ask.ship(id, "parcel-1")
            case _:
                await ask.pay_late(id, "pay_1", "reinstate")
                await ask.confirm(id, "pay_1")
