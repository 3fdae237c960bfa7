"""The shop's old code and Holdfast's checkouts buy the same fifty products, from 20 processes.

All the while one more process asks the shop's own methods, and compares them with the ledger as it
is in the same moment.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from threading import Event
from typing import Final

import pytest

from activities.inventory.adoption.standing import drain
from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, ClosingStatus, ReservationState, StockRow
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import Shop, open_shop
from tests.inventory.databases import as_worker

PRODUCTS: Final = 50
UNITS_EACH: Final = 30
BUYERS_OF_EACH: Final = 10
ASKED_BY_EACH: Final = 30
LOW: Final = 5
# Between two purchases of one buyer, so that twenty do not merely fight for two cores: the ledger
# gives way where it stands in the shop's way for too long, for want of a processor too.
THINKS_SECONDS_MAX: Final = 0.3
ENDINGS: Final[tuple[ClosingStatus, ...]] = ("fulfilled", "cancelled", "committed")

# Every look of one transaction is at the same moment, which somebody else has kept.
_PYTHON_AS_SEEN: Final = """
def as_seen(snapshot, ask):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        return ask()
"""
_RUBY_AS_SEEN: Final = (
    "ActiveRecord::Base.transaction(isolation: :repeatable_read) {{ "
    "ActiveRecord::Base.connection.execute(\"SET TRANSACTION SNAPSHOT '{snapshot}'\"); {asked} }}"
)


@dataclass(frozen=True)
class Words:
    """How one shop's code says it.

    Args:
        stock: makes fifty products.
        begin: what a process of it needs first.
        buy: buys ``{wanted}`` for the ``{number}``th buyer; tells how many units it got, by id.
        asked: by its methods and scopes, what is free of each product, which are in stock, and
            which are low; or how much is in each cart.
        seen: asks it as it is in one snapshot.
        sku: of the product with an id.
    """

    stock: str
    buy: str
    asked: str
    begin: str = _PYTHON_AS_SEEN
    seen: str = "as_seen('{snapshot}', lambda: {asked})"
    sku: str = "P-{}"


WORDS: Final = {
    "a": Words(
        stock=f'(1..{PRODUCTS}).each {{ |n| Product.create!(sku: "P-#{{n}}", name: "P", '
        f"stock_quantity: {UNITS_EACH}) }}",
        begin="1",
        buy="JSON.parse('{wanted}')"
        ".select {{ |id, units| Product.find(id).reserve_stock!(units) }}",
        asked="[Product.order(:id).map(&:available_quantity), "
        f"Product.in_stock.order(:id).pluck(:id), Product.low_stock({LOW}).order(:id).pluck(:id)]",
        seen=_RUBY_AS_SEEN,
    ),
    "b": Words(
        stock=f"for n in range(1, {PRODUCTS + 1}):\n"
        f"    Product.objects.create(sku=f'P-{{n}}', name='P', total_stock={UNITS_EACH})\n",
        buy="{{id: units for id, units in {wanted}.items() "
        "if Product.objects.filter(pk=id, total_stock__gte=F('reserved_stock') + units)"
        ".update(reserved_stock=F('reserved_stock') + units)}}",
        asked="[list(Product.objects.with_available_stock().order_by('id')"
        ".values_list('available_stock', flat=True)), "
        "list(Product.objects.in_stock().order_by('id').values_list('id', flat=True)), "
        f"[each.id for each in Product.objects.order_by('id') if not each.has_stock({LOW + 1})]]",
    ),
    "c": Words(
        stock=f"for n in range(1, {PRODUCTS + 1}):\n"
        "    made = Product.objects.create(sku=f'P-{n}', name='P', price=1)\n"
        f"    Stock.objects.create(product=made, quantity={UNITS_EACH})\n",
        buy="{wanted} if Stock.objects.bulk_reserve({{int(id): units for id, units in "
        "{wanted}.items()}}) else {{}}",
        asked="(lambda free, rows: [[free[id] for id in sorted(free)], "
        "[each.product_id for each in rows if each.available_quantity], "
        f"[each.product_id for each in rows if each.available_quantity <= {LOW}]])"
        f"(Stock.objects.get_available_quantities(list(range(1, {PRODUCTS + 1}))), "
        "list(Stock.objects.order_by('product_id')))",
    ),
    "d": Words(
        stock=f"for n in range(1, {PRODUCTS + 1}):\n"
        "    Product.objects.create(name='P', price=1)\n",
        begin=_PYTHON_AS_SEEN
        + """
def fill(number, wanted):
    user, _ = User.objects.get_or_create(username=f"u{number}")
    cart, _ = Cart.objects.get_or_create_for_user(user)
    cart.clear()
    for id, units in wanted.items():
        CartItem.objects.create(cart=cart, product_id=id, quantity=units)
    return {}
""",
        buy="fill({number}, {wanted})",
        asked="[[cart.id, cart.total_items, CartItem.objects.for_cart(cart).count(), "
        "CartItem.objects.for_user_cart(cart.user).count()] "
        "for cart in Cart.objects.order_by('id')]",
        sku="product-{}",
    ),
}


def buy_by_the_shop(shop: Shop, letter: str, number: int, is_over: Event) -> Counter[str]:
    """Buy as the shop's code does; return the units of each SKU that it was told it has."""
    chance, words = random.Random(number), WORDS[letter]
    got: Counter[str] = Counter()
    while not is_over.wait(chance.random() * THINKS_SECONDS_MAX):
        # In one order: shop C's `bulk_reserve` takes rows as they are named, and two that name them
        # in opposite orders end each other, without any ledger.
        ids = sorted({chance.randint(1, PRODUCTS) for _ in range(3)})
        wanted = {str(id): chance.randint(1, 3) for id in ids}
        bought = shop(words.buy.format(number=number, wanted=json.dumps(wanted)))
        got.update({words.sku.format(id): units for id, units in bought.items()})
    return got


def buy_by_holdfast(url: str, letter: str, number: int) -> Counter[str]:
    """Hold some carts and end them, in a process of its own; return what was answered."""
    engine = open_engine(as_worker(url), connections_max=1)
    ledger, chance, sku = Ledger(engine), random.Random(1_000 + number), WORDS[letter].sku
    answers: Counter[str] = Counter()
    for turn in range(ASKED_BY_EACH):
        time.sleep(chance.random() * THINKS_SECONDS_MAX)
        wanted = {sku.format(chance.randint(1, PRODUCTS)): chance.randint(1, 3) for _ in range(3)}
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


@pytest.mark.long
@pytest.mark.parametrize("letter", WORDS)
def test_twenty_processes_of_both_oversell_nothing_and_the_shop_meets_no_error(
    open_adopted: OpenAdopted, letter: str
):
    adopted = open_adopted(letter)
    adopted.code(WORDS[letter].stock)
    adopted.adopt()
    if letter == "d":
        skus = [WORDS["d"].sku.format(id) for id in range(1, PRODUCTS + 1)]
        adopted.ledger.load_stock([StockRow(sku, "main", UNITS_EACH) for sku in skus])
    with _both_at_work(adopted) as (new, old):
        adopted.code(WORDS[letter].begin)
        while not all(each.done() for each in new):
            assert adopted.breaches() == []
            _methods_and_ledger_agree(adopted)
    answers = sum((each.result() for each in new), Counter[str]())
    got = sum((each.result() for each in old), Counter[str]())
    print(answers)
    assert answers["held"] > 0
    assert (got.total() > 0) == (letter != "d")
    _nothing_is_oversold(adopted)
    _what_the_old_code_took_is_listed(adopted, got)
    _the_last_day(adopted)


@contextmanager
def _both_at_work(
    adopted: Adopted,
) -> Iterator[tuple[list[Future[Counter[str]]], list[Future[Counter[str]]]]]:
    """Let ten processes of Holdfast's and ten of the shop's buy; the shop's stop at the end."""
    letter, is_over = adopted.letter, Event()
    processes = ProcessPoolExecutor(BUYERS_OF_EACH, mp_context=get_context("spawn"))
    with ExitStack() as stack, processes, ThreadPoolExecutor(BUYERS_OF_EACH) as threads:
        shops = [
            stack.enter_context(open_shop(letter, adopted.shop_url)) for _ in range(BUYERS_OF_EACH)
        ]
        for shop in shops:
            shop(WORDS[letter].begin)  # it has started
        new = [
            processes.submit(buy_by_holdfast, adopted.url, letter, number)
            for number in range(BUYERS_OF_EACH)
        ]
        while not (_all_buy(adopted) or any(each.done() for each in new)):
            time.sleep(0.1)
        old = [
            threads.submit(buy_by_the_shop, shop, letter, number, is_over)
            for number, shop in enumerate(shops)
        ]
        try:
            yield new, old
        finally:
            is_over.set()


def _all_buy(adopted: Adopted) -> bool:
    """Say whether each of Holdfast's buyers has begun."""
    (row,) = adopted.owner(
        "SELECT count(DISTINCT split_part(checkout_id, '-', 2)) FROM holdfast.reservations"
    )
    return bool(row[0] == BUYERS_OF_EACH)


def _methods_and_ledger_agree(adopted: Adopted) -> None:
    """Ask both in one snapshot."""
    words = WORDS[adopted.letter]
    with adopted.engine.connect().execution_options(isolation_level="REPEATABLE READ") as ledger:
        snapshot = ledger.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        told = adopted.code(words.seen.format(snapshot=snapshot, asked=words.asked))
        if adopted.letter == "d":
            rows = ledger.exec_driver_sql(
                "SELECT c.id, coalesce(sum(i.quantity), 0), count(i.id), count(i.id) "
                "FROM cart AS c LEFT JOIN cart_item AS i ON i.cart_id = c.id GROUP BY 1 ORDER BY 1"
            )
            assert told == [list(row) for row in rows]
            return
        free = ledger.exec_driver_sql(
            "SELECT total_quantity - reserved_quantity FROM holdfast.stock_items "
            "ORDER BY substr(sku, 3)::integer"
        ).scalars()
        assert told == _as_methods_tell(list(free))


def _as_methods_tell(free: list[int]) -> list[list[int]]:
    with_id = list(enumerate(free, start=1))
    return [
        free,
        [id for id, units in with_id if units > 0],
        [id for id, units in with_id if units <= LOW],
    ]


def _nothing_is_oversold(adopted: Adopted) -> None:
    assert adopted.breaches() == []
    (row,) = adopted.owner(
        "SELECT count(*) FROM holdfast.stock_items WHERE reserved_quantity > total_quantity"
    )
    assert row[0] == 0


def _what_the_old_code_took_is_listed(adopted: Adopted, got: Counter[str]) -> None:
    """It has what it was told it has; what it leaks is drained, what it oversold is on a list."""
    kept = _shop_reserved(adopted)
    oversold = {sku for sku, *_ in adopted.put_back()}
    for sku in {*kept, *got}:
        if adopted.letter == "c" and kept[sku] > got[sku]:
            _drain(adopted, sku, kept[sku] - got[sku])
        elif sku in oversold:
            assert kept[sku] < got[sku]
        else:
            assert kept[sku] == got[sku]
    # Where it wants three and there are two, its `bulk_reserve` keeps those and says no.
    assert (kept > _shop_reserved(adopted)) == (adopted.letter == "c")
    assert adopted.standing().put_back >= len(oversold)


def _the_last_day(adopted: Adopted) -> None:
    """The old code is gone, and so is all that it had."""
    for sku, units in _shop_reserved(adopted).items():
        _drain(adopted, sku, units)
    assert adopted.standing().shop_reserved == 0
    assert adopted.breaches() == []
    _methods_and_ledger_agree(adopted)


def _shop_reserved(adopted: Adopted) -> Counter[str]:
    rows = adopted.standing().shop_reserved_rows
    return Counter({row["sku"]: row["shop_reserved"] for row in rows})


def _drain(adopted: Adopted, sku: str, units: int) -> None:
    assert drain(adopted.engine, adopted.plan, sku, units, reason="leak", actor="test").drained
