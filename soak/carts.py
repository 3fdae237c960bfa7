"""What shoppers want, drawn by chance: carts, hold lengths and what they do with a hold."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import Final

from holdfast_client.contract.messages import CheckoutRequest, Line

SKUS: Final = tuple(f"SOAK-{number:02}" for number in range(30))
LINES_MAX: Final = 20
QUANTITY_MAX: Final = 3
HOLD_SECONDS_MAX: Final = 8


class Plan(StrEnum):
    """What a shopper does with a hold."""

    CONFIRM = "confirm"
    CONFIRM_TWICE = "confirm twice at once"
    CONFIRM_AT_THE_DEADLINE = "confirm at the deadline"
    CANCEL = "cancel"
    EXTEND = "extend, then confirm"
    ABANDON = "abandon"
    CONTRADICT = "confirm and cancel at once"
    CHANGE = "ask for other lines under the same id"
    SHIP = "commit, then ship in two parcels"
    SHIP_A_PART = "commit, ship a part and give the rest back"
    AMEND = "change the cart, then confirm"
    GIVE_BACK = "give a part back, then confirm"
    SUPERSEDE = "begin another checkout in its place"
    PAY_SLOWLY = "be at the bank past the deadline, then confirm"
    PAY_IN_VAIN = "be at the bank in vain, then perhaps pay otherwise"
    PAY_LATE = "pay when it has expired"
    PAY_AGAIN = "confirm, the same again, then by another payment"
    SHARE = "pay two checkouts by one payment"
    SETTLE = "pay or cancel when its workflow is gone"


_WEIGHTS: Final = {
    Plan.CONFIRM: 30,
    Plan.CONFIRM_TWICE: 8,
    Plan.CONFIRM_AT_THE_DEADLINE: 10,
    Plan.CANCEL: 12,
    Plan.EXTEND: 12,
    Plan.ABANDON: 15,
    Plan.CONTRADICT: 8,
    Plan.CHANGE: 5,
    Plan.SHIP: 10,
    Plan.SHIP_A_PART: 6,
    Plan.AMEND: 10,
    Plan.GIVE_BACK: 6,
    Plan.SUPERSEDE: 8,
    Plan.PAY_SLOWLY: 8,
    Plan.PAY_IN_VAIN: 6,
    Plan.PAY_LATE: 14,
    Plan.PAY_AGAIN: 6,
    Plan.SHARE: 6,
    Plan.SETTLE: 10,
}


def draw_plan(chance: random.Random) -> Plan:
    """Draw what a shopper will do."""
    return chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]


def draw_request(chance: random.Random, checkout_id: str) -> CheckoutRequest:
    """Draw a cart of 1 to 20 lines in any order, a SKU perhaps on several of them."""
    skus = chance.choices(SKUS, k=_line_count(chance))
    lines = tuple(Line(sku=sku, quantity=chance.randint(1, QUANTITY_MAX)) for sku in skus)
    return CheckoutRequest(
        checkout_id=checkout_id,
        lines=lines,
        hold_seconds=chance.randint(1, HOLD_SECONDS_MAX),
        customer_id=f"u-{chance.randrange(50)}",
    )


def _line_count(chance: random.Random) -> int:
    # Most carts are small; a few want a great deal.
    return min(LINES_MAX, 1 + int(chance.expovariate(1 / 4)))
