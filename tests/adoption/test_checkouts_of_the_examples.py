"""Each shop's checkout before and after, from its own process through a real worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import pytest

from activities.inventory.records import StockRow
from examples.adopting.service import service
from holdfast_client import SyncReservationClient
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.inventory.databases import as_worker
from tests.workflows.stage import at_work, open_stage

Run = Callable[[str], Awaitable[object]]


@asynccontextmanager
async def after(shop: Adopted, address: str) -> AsyncIterator[Run]:
    """Run the shop's code beside a worker on its database, with a client in its own process."""
    async with open_stage(as_worker(shop.url), address) as stage, at_work(stage):
        if shop.letter != "a":
            await asyncio.to_thread(
                shop.code,
                "from holdfast_client import SyncReservationClient\n"
                f"from examples.adopting.shop_{shop.letter} import checkout\n"
                f"client = SyncReservationClient({address!r})\n",
            )
        yield lambda code: asyncio.to_thread(shop.code, code)


async def test_shop_b_holds_a_cart_by_its_session(
    open_adopted: OpenAdopted, temporal_address: str, unique: str
):
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=5)')
    shop.code(f'cart = Cart.objects.create(session_key="s-{unique}")')
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop.adopt()
    async with after(shop, temporal_address) as run:
        assert await run("checkout.hold_before(cart)") is True
        assert shop.item("MUG") == (5, 2, 2)
        assert await run("checkout.hold(client, cart, 1)") is True
        assert await run("StockReservation.objects.active().count()") == 2
        assert await run("checkout.hold_before(cart)") is False
        assert await run(f"checkout.pay(client, cart, 1, 'pay-{unique}')") is True
    assert shop.item("MUG") == (3, 2, 2)
    assert shop.code("CartItem.objects.count()") == 0
    assert shop.breaches() == []


async def test_shop_c_holds_a_cart_that_is_an_id_on_its_lines(
    open_adopted: OpenAdopted, temporal_address: str, unique: str
):
    shop = open_adopted("c")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    shop.code("Stock.objects.create(product=mug, quantity=5)")
    shop.code(f"CartItem.objects.create(cart_id='{unique}', product=mug, quantity=2)")
    shop.adopt()
    async with after(shop, temporal_address) as run:
        assert await run(f"checkout.hold_before('{unique}')") is True
        assert await run(f"checkout.hold(client, '{unique}', 1)") is True
        assert await run(f"checkout.hold_before('{unique}')") is False
        assert await run(f"checkout.pay(client, '{unique}', 1, 'pay-{unique}')") is True
    assert shop.item("MUG") == (3, 2, 2)
    assert shop.code("CartItem.objects.count()") == 0
    assert shop.breaches() == []


async def test_shop_d_sells_by_stock_that_it_never_had(
    open_adopted: OpenAdopted, temporal_address: str, unique: str
):
    shop = open_adopted("d")
    shop.code("mug = Product.objects.create(name='Mug', price=5)")
    shop.code("ann = User.objects.create(username='ann')")
    shop.code("cart = Cart.objects.get_or_create_for_user(ann)[0]")
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop.adopt()
    shop.ledger.load_stock([StockRow("product-1", "main", 3)])
    async with after(shop, temporal_address) as run:
        assert await run(f"checkout.hold(client, ann, '{unique}-1')") is True
        assert await run(f"checkout.pay(client, ann, '{unique}-1', 'pay-{unique}')") is True
        assert await run("cart.total_items") == 0
        await run("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
        assert await run(f"checkout.hold(client, ann, '{unique}-2')") is False
        assert await run("checkout.buy_before(ann)") == 2
    assert shop.item("product-1") == (1, 0, 0)
    assert shop.breaches() == []


FIRST_CARTS: Final = {
    "a": (
        'require File.join(ARGV[0], "checkout.rb")',
        "carts = (1..2000).map {{ |n| Cart.new(id: n) }}",
        "carts.select {{ |cart| by_holdfast?(cart, {percent}) }}.map(&:id)",
    ),
    "b": (
        "from examples.adopting.shop_b.checkout import by_holdfast",
        "carts = [Cart(pk=n, session_key=f's-{{n}}') for n in range(1, 2001)]",
        "[cart.pk for cart in carts if by_holdfast(cart, {percent})]",
    ),
    "c": (
        "from examples.adopting.shop_c.checkout import by_holdfast",
        "carts = [str(n) for n in range(1, 2001)]",
        "[cart for cart in carts if by_holdfast(cart, {percent})]",
    ),
    "d": (
        "from examples.adopting.shop_d.checkout import by_holdfast",
        "users = [User(pk=n) for n in range(1, 2001)]",
        "[user.pk for user in users if by_holdfast(user, {percent})]",
    ),
}


@pytest.mark.parametrize("letter", FIRST_CARTS)
def test_one_cart_in_a_hundred_is_the_first_and_stays_among_those_that_follow(
    open_adopted: OpenAdopted, letter: str
):
    shop = open_adopted(letter)
    *begin, question = FIRST_CARTS[letter]
    for statement in begin:
        shop.code(statement.replace("{{", "{").replace("}}", "}"))
    none, first, many, every = (
        shop.code(question.format(percent=percent)) for percent in (0, 1, 50, 100)
    )
    assert none == []
    assert 5 <= len(first) <= 60
    assert 800 <= len(many) <= 1_200
    assert set(first) <= set(many)
    assert len(every) == 2_000


@contextmanager
def served(address: str) -> Iterator[str]:
    """Run the checkout service of the examples, and lend its URL."""
    with SyncReservationClient(address) as client, service(client) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


async def test_shop_a_buys_by_a_service_and_its_cart_is_checked_out(
    open_adopted: OpenAdopted, temporal_address: str, unique: str
):
    shop = open_adopted("a")
    shop.code('require File.join(ARGV[0], "checkout.rb")')
    shop.code('mug = Product.create!(sku: "MUG", name: "Mug", stock_quantity: 5)')
    first = int(unique.encode().hex(), 16) % 10**9
    for cart in (first, first + 1, first + 2):
        shop.code(f"CartItem.create!(cart: Cart.create!(id: {cart}), product: mug, quantity: 2)")
    shop.adopt()
    async with after(shop, temporal_address) as run:
        assert await run(f"Before.buy(Cart.find({first}))") == "bought"
        assert shop.item("MUG") == (5, 2, 2)
        with served(temporal_address) as url:
            await run(f'ENV["CHECKOUT_SERVICE"] = "{url}"')
            bought = f'After.buy(Cart.find({first + 1}), 1, "pay-{unique}")'
            assert await run(bought) == "bought"
            assert await run(bought) == "bought"
            sold_out = f'After.buy(Cart.find({first + 2}), 1, "pay-2-{unique}")'
            assert await run(sold_out) == "sold out"
    assert shop.item("MUG") == (3, 2, 2)
    statuses = "Cart.order(:id).pluck(:status)"
    assert shop.code(statuses) == ["checked_out", "checked_out", "active"]
    assert shop.breaches() == []
