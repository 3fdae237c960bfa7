"""A small shop for the demo: what it sells, and who comes to buy."""

from __future__ import annotations

import random
from typing import Final

from activities.inventory.records import StockRow
from holdfast_client.cli.orders.reading import Order
from holdfast_client.contract.names import DEFAULT_LOCATION

SEED: Final = 7
SHOPPERS: Final = 80
_LINES_MAX: Final = 3
_QUANTITY_MAX: Final = 3

# SKU, name, units in stock. Some are scarce, so that somebody is denied.
_GOODS: Final = (
    ("LAMP-BRASS", "Brass desk lamp", 24),
    ("MUG-BLUE", "Stoneware mug, blue", 60),
    ("MUG-GREEN", "Stoneware mug, green", 45),
    ("TEAPOT-01", "Cast iron teapot", 18),
    ("TRAY-OAK", "Oak serving tray", 30),
    ("CANDLE-3", "Beeswax candles, three", 80),
    ("BLANKET-W", "Wool blanket", 26),
    ("CLOCK-RED", "Kitchen clock, red", 12),
    ("VASE-TALL", "Tall glass vase", 22),
    ("APRON-LIN", "Linen apron", 32),
)


def stock() -> tuple[StockRow, ...]:
    """Return what the shop has at the start."""
    return tuple(StockRow(sku, DEFAULT_LOCATION, quantity, name) for sku, name, quantity in _GOODS)


def orders() -> tuple[Order, ...]:
    """Return what the shoppers put into their carts; the same in every run."""
    chance = random.Random(SEED)  # noqa: S311  # shoppers, not secrets
    skus = [sku for sku, _, _ in _GOODS]
    return tuple(
        Order(
            order_id=f"cart-{number:03d}",
            lines=tuple(
                (sku, chance.randint(1, _QUANTITY_MAX))
                for sku in chance.sample(skus, chance.randint(1, _LINES_MAX))
            ),
            customer_id=f"shopper-{number:03d}",
        )
        for number in range(1, SHOPPERS + 1)
    )
