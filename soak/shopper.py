"""Shoppers: each checks out cart after cart, and does what shoppers do."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from holdfast_client.contract.messages import CheckoutRequest, Rest
from holdfast_client.contract.outcomes import Committed, Held
from soak.asker import SUPERSEDE, Asker
from soak.carts import Plan, draw_plan, draw_request
from soak.payer import Payer
from soak.shop import Shop

THINK_SHARE_MAX: Final = 0.9
# Some before the deadline and some after it, all close by.
DEADLINE_SPREAD_SECONDS: Final = 0.02
CLICKS_TWICE_SHARE: Final = 0.1
ASKS_AGAIN_SHARE: Final = 0.2
PAYS_OLD_SHARE: Final = 0.3


class Shopper:
    """One of them.

    Args:
        shop: shared with the others.
        chance: its own, so that what it wants depends on the seed alone.
    """

    def __init__(self, shop: Shop, chance: random.Random) -> None:
        self._shop = shop
        self._chance = chance
        self._ask = Asker(shop, chance)
        self._payer = Payer(shop, self._ask, chance)

    async def go_shopping(self) -> None:
        """Check out one cart after the other until the shop closes."""
        while not self._shop.closing.is_set():
            request = draw_request(self._chance, self._shop.next_id())
            plan = draw_plan(self._chance)
            self._shop.in_hand.add(request.checkout_id)
            try:
                await self._check_out(request, plan)
            finally:
                self._shop.in_hand.discard(request.checkout_id)

    async def ask_again(self, checkout_id: str) -> None:
        """Ask for what was asked before, whatever became of it."""
        request = self._shop.testimony.requests[checkout_id]
        await self._ask.reserve(request, "reserve in the end")

    async def _check_out(self, request: CheckoutRequest, plan: Plan) -> None:
        ask = self._ask
        if self._chance.random() < CLICKS_TWICE_SHARE:
            outcome, _ = await asyncio.gather(ask.reserve(request), ask.reserve(request))
        else:
            outcome = await ask.reserve(request)
        if not isinstance(outcome, Held):
            return
        if plan is not Plan.CONFIRM_AT_THE_DEADLINE:
            await asyncio.sleep(self._chance.random() * THINK_SHARE_MAX * request.hold_seconds)
        self._shop.testimony.counts[f"plan: {plan}"] += 1
        await self._carry_out(request, plan)
        if self._chance.random() < ASKS_AGAIN_SHARE:
            await ask.reserve(request, "reserve again")

    async def _carry_out(self, request: CheckoutRequest, plan: Plan) -> None:
        id, ask = request.checkout_id, self._ask
        match plan:
            case Plan.CONFIRM:
                await ask.confirm(id, f"pay_1 of {id}")
            case Plan.CONFIRM_TWICE:
                await asyncio.gather(
                    ask.confirm(id, f"pay_1 of {id}"), ask.confirm(id, f"pay_2 of {id}")
                )
            case Plan.CONFIRM_AT_THE_DEADLINE:
                late = self._chance.uniform(-DEADLINE_SPREAD_SECONDS, DEADLINE_SPREAD_SECONDS)
                await asyncio.sleep(request.hold_seconds + late)
                await ask.confirm(id, f"pay_1 of {id}")
            case Plan.CANCEL:
                await ask.cancel(id)
            case Plan.EXTEND:
                await ask.extend(id)
                await asyncio.sleep(self._chance.random())
                await ask.confirm(id, f"pay_1 of {id}")
            case Plan.CONTRADICT:
                await asyncio.gather(ask.confirm(id, f"pay_1 of {id}"), ask.cancel(id))
            case Plan.CHANGE:
                await ask.ask_for_other_lines(request)
            case Plan.ABANDON:
                pass
            case _:
                await self._carry_out_in_parts(request, plan)

    async def _carry_out_in_parts(self, request: CheckoutRequest, plan: Plan) -> None:
        id, ask = request.checkout_id, self._ask
        line = self._chance.choice(request.lines)
        match plan:
            case Plan.SHIP | Plan.SHIP_A_PART:
                if not isinstance(await ask.commit(id, "pay_1"), Committed):
                    return
                await asyncio.sleep(self._chance.random())
                rest: Rest = "release" if plan is Plan.SHIP_A_PART else "keep"
                if isinstance(await ask.ship(id, "parcel-1", line, rest), Committed):
                    await ask.ship(id, "parcel-2")
            case Plan.AMEND:
                await ask.amend(id, draw_request(self._chance, id).lines)
                await ask.confirm(id, "pay_1")
            case Plan.GIVE_BACK:
                await ask.give_back(id, line)
                await ask.confirm(id, "pay_1")
            case Plan.SUPERSEDE:
                await self._begin_another(request)
            case _:
                await self._payer.carry_out(request, plan)

    async def _begin_another(self, old: CheckoutRequest) -> None:
        """Reserve another cart in the place of this one, and pay, perhaps the old one meanwhile."""
        update = {"customer_id": old.customer_id, "supersedes": old.checkout_id}
        request = draw_request(self._chance, self._shop.next_id()).model_copy(update=update)
        self._shop.in_hand.add(request.checkout_id)
        calls = [self._ask.reserve(request, SUPERSEDE)]
        if self._chance.random() < PAYS_OLD_SHARE:
            calls.append(self._ask.confirm(old.checkout_id, "pay_1"))
        try:
            outcome, *_ = await asyncio.gather(*calls)
            if isinstance(outcome, Held):
                await self._ask.confirm(request.checkout_id, "pay_1")
        finally:
            self._shop.in_hand.discard(request.checkout_id)
