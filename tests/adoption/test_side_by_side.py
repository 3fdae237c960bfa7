"""The shop's old code and Holdfast's checkouts buy the same fifty products, from 20 processes."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from threading import Event
from typing import Final

import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, ClosingStatus, ReservationState
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import Shop, open_shop
from tests.inventory.databases import as_worker

PRODUCTS: Final = 50
BUYERS_OF_EACH: Final = 10
ASKED_BY_EACH: Final = 30
# Between two purchases of one buyer, so that twenty do not merely fight for two cores: the ledger
# gives way where it stands in the shop's way for too long, for want of a processor too.
THINKS_SECONDS_MAX: Final = 0.3
ENDINGS: Final[tuple[ClosingStatus, ...]] = ("fulfilled", "cancelled", "committed")
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


def buy_by_the_shop(shop: Shop, letter: str, number: int, is_over: Event) -> int:
    """Buy as the shop's code does; return how often it got all it wanted."""
    chance = random.Random(number)
    got = 0
    while not is_over.wait(chance.random() * THINKS_SECONDS_MAX):
        wanted = {chance.randint(1, PRODUCTS): chance.randint(1, 3) for _ in range(3)}
        words = ", ".join(
            f"{id}: {units}" if letter != "a" else f"{id} => {units}"
            for id, units in sorted(wanted.items())
        )
        got += shop(BUY[letter].format(wanted="{" + words + "}"))
    return got


def buy_by_holdfast(url: str, number: int) -> Counter[str]:
    """Hold some carts and end them, in a process of its own; return what was answered."""
    engine = open_engine(as_worker(url), connections_max=1)
    ledger, chance = Ledger(engine), random.Random(1_000 + number)
    answers: Counter[str] = Counter()
    for turn in range(ASKED_BY_EACH):
        time.sleep(chance.random() * THINKS_SECONDS_MAX)
        wanted = {f"P-{chance.randint(1, PRODUCTS)}": chance.randint(1, 3) for _ in range(3)}
        lines = tuple(Line(sku=sku, quantity=units) for sku, units in wanted.items())
        checkout_id = f"c-{number}-{turn}"
        ending = chance.choice(ENDINGS)
        payment = None if ending == "cancelled" else f"pay-{checkout_id}"
        try:
            (answer,) = ledger.reserve([CheckoutRequest(checkout_id=checkout_id, lines=lines)])
            assert isinstance(answer, ReservationState)
            answers[answer.outcome.status] += 1
            ledger.close([Closing(checkout_id, ending, "", "", payment)])
        except LedgerUnavailable:
            answers["gave way"] += 1
    engine.dispose()
    return answers


def _all_buy(adopted: Adopted) -> bool:
    """Say whether each of Holdfast's buyers has begun."""
    (row,) = adopted.owner(
        "SELECT count(DISTINCT split_part(checkout_id, '-', 2)) FROM holdfast.reservations"
    )
    return bool(row[0] == BUYERS_OF_EACH)


@pytest.mark.long
@pytest.mark.parametrize("letter", ["a", "b", "c"])
def test_twenty_processes_of_both_oversell_nothing_and_the_shop_meets_no_error(
    open_adopted: OpenAdopted, letter: str
):
    adopted = open_adopted(letter)
    adopted.code(STOCK[letter])
    adopted.adopt()
    processes = ProcessPoolExecutor(BUYERS_OF_EACH, mp_context=get_context("spawn"))
    with ExitStack() as stack, processes, ThreadPoolExecutor(BUYERS_OF_EACH) as threads:
        shops = [
            stack.enter_context(open_shop(letter, adopted.shop_url)) for _ in range(BUYERS_OF_EACH)
        ]
        for shop in shops:
            shop("1")  # it has started
        is_over = Event()
        new = [
            processes.submit(buy_by_holdfast, adopted.url, number)
            for number in range(BUYERS_OF_EACH)
        ]
        while not _all_buy(adopted):
            time.sleep(0.1)
        old = [
            threads.submit(buy_by_the_shop, shop, letter, number, is_over)
            for number, shop in enumerate(shops)
        ]
        try:
            while not all(each.done() for each in new):
                assert adopted.breaches() == []
        finally:
            is_over.set()
        answers = sum((each.result() for each in new), Counter[str]())
        assert min(answers["held"], sum(each.result() for each in old)) > 0
        print(answers)
    assert adopted.breaches() == []
    (row,) = adopted.owner(
        "SELECT count(*) FROM holdfast.stock_items WHERE reserved_quantity > total_quantity"
    )
    assert row[0] == 0
    assert adopted.standing().shop_reserved > 0
