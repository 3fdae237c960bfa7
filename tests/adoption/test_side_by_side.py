"""The shop's old code and Holdfast's checkouts buy the same fifty products, from twenty at once."""

from __future__ import annotations

import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import pytest

from activities.inventory.database.errors import LedgerUnavailable
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import Shop, open_shop

PRODUCTS: Final = 50
BUYERS_OF_EACH: Final = 10
SECONDS: Final = 15
# To begin with fifty products.
STOCK: Final = {
    "c": "for n in range(1, 51):\n"
    "    made = Product.objects.create(sku=f'P-{n}', name='P', price=1)\n"
    "    Stock.objects.create(product=made, quantity=40)\n",
    "b": "for n in range(1, 51):\n"
    "    Product.objects.create(sku=f'P-{n}', name='P', total_stock=40)\n",
    "a": '(1..50).each { |n| Product.create!(sku: "P-#{n}", name: "P", stock_quantity: 40) }',
}
# To buy some by the shop's own methods.
BUY: Final = {
    "c": "Stock.objects.bulk_reserve({wanted})",
    "b": "all(Product.objects.filter(pk=id, total_stock__gte=F('reserved_stock') + units)"
    ".update(reserved_stock=F('reserved_stock') + units) for id, units in {wanted}.items())",
    "a": "{wanted}.map {{ |id, units| Product.find(id).reserve_stock!(units) }}.all?",
}


def buy_by_the_shop(shop: Shop, letter: str, number: int, until: float) -> int:
    """Buy as the shop's code does; return how often it got all it wanted."""
    chance = random.Random(number)
    got = 0
    while time.monotonic() < until:
        wanted = {chance.randint(1, PRODUCTS): chance.randint(1, 3) for _ in range(3)}
        words = ", ".join(
            f"{id}: {units}" if letter != "a" else f"{id} => {units}"
            for id, units in sorted(wanted.items())
        )
        got += shop(BUY[letter].format(wanted="{" + words + "}"))
    return got


def buy_by_holdfast(adopted: Adopted, number: int, until: float) -> int:
    """Hold carts and end them; return how many were held."""
    chance = random.Random(1_000 + number)
    held = 0
    for turn in itertools.takewhile(lambda _: time.monotonic() < until, itertools.count()):
        wanted = {f"P_{chance.randint(1, PRODUCTS)}": chance.randint(1, 3) for _ in range(3)}
        checkout_id = f"c-{number}-{turn}"
        try:
            held += isinstance(adopted.reserve(checkout_id, None, None, **wanted), Held)
            adopted.close(checkout_id, chance.choice(["fulfilled", "cancelled", "committed"]))
        except LedgerUnavailable:
            continue
    return held


@pytest.mark.long
@pytest.mark.parametrize("letter", ["a", "b", "c"])
def test_twenty_buyers_of_both_oversell_nothing_and_the_shop_meets_no_error(
    open_adopted: OpenAdopted, letter: str
):
    adopted = open_adopted(letter)
    adopted.code(STOCK[letter])
    adopted.adopt()
    with ExitStack() as stack, ThreadPoolExecutor(2 * BUYERS_OF_EACH) as threads:
        shops = [
            stack.enter_context(open_shop(letter, adopted.shop_url)) for _ in range(BUYERS_OF_EACH)
        ]
        for shop in shops:
            shop("1")  # it has started
        until = time.monotonic() + SECONDS
        old = [
            threads.submit(buy_by_the_shop, shop, letter, number, until)
            for number, shop in enumerate(shops)
        ]
        new = [
            threads.submit(buy_by_holdfast, adopted, number, until)
            for number in range(BUYERS_OF_EACH)
        ]
        looks = 0
        while time.monotonic() < until:
            assert adopted.breaches() == []
            looks += 1
        bought = sum(each.result() for each in old)
        held = sum(each.result() for each in new)
    assert min(bought, held, looks) > 0
    assert adopted.breaches() == []
    (row,) = adopted.owner(
        "SELECT count(*) FROM holdfast.stock_items WHERE reserved_quantity > total_quantity"
    )
    assert row[0] == 0
    assert adopted.standing().shop_reserved > 0
