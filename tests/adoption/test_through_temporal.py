"""Real checkouts, from the client to the worker, on a shop's tables while its own models write."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from temporalio.common import SearchAttributeKey

from holdfast_client import (
    CheckoutConflict,
    Denied,
    Expired,
    Fulfilled,
    Held,
    InvalidRequest,
    ReservationClient,
    Unavailable,
)
from holdfast_client.contract.outcomes import Outcome
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.inventory.databases import as_worker
from tests.limits import HANG_SECONDS
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.test_resets import reset

PRODUCTS = 5
SKUS = SearchAttributeKey.for_keyword_list("Skus")


@dataclass(frozen=True)
class Service:
    """A shop, and its checkout service."""

    shop: Adopted
    stage: Stage
    client: ReservationClient


@pytest.fixture
async def service(
    open_adopted: OpenAdopted, temporal_address: str, unique: str
) -> AsyncIterator[Service]:
    """Shop A with five products of forty, adopted, and a worker on its database."""
    shop = open_adopted("a")
    shop.code(
        f'(1..{PRODUCTS}).each {{ |n| Product.create!(sku: "P-#{{n}}", name: "P", '
        "stock_quantity: 40) }"
    )
    shop.adopt()
    async with open_stage(as_worker(shop.url), temporal_address, f"adopted-{unique}") as stage:
        client = ReservationClient(
            stage.client,
            task_queue=stage.till.task_queue,
            # Twenty carts and the shop's own code on a busy machine.
            answer_timeout_seconds=HANG_SECONDS,
        )
        async with at_work(stage):
            yield Service(shop, stage, client)


def fill_cart(shop: Adopted, cart_id: int, **quantities: int) -> None:
    """Make a cart by the shop's models; a keyword is a SKU such as ``P_1``."""
    shop.code(f"Cart.create!(id: {cart_id})")
    for sku, units in quantities.items():
        product = f'Product.find_by!(sku: "{sku.replace("_", "-")}")'
        shop.code(f"CartItem.create!(cart_id: {cart_id}, product: {product}, quantity: {units})")


async def test_a_cart_is_held_paid_and_checked_out_and_is_found_by_its_skus(service: Service):
    shop, client = service.shop, service.client
    fill_cart(shop, 42, P_1=2, P_2=1)
    held = await client.reserve_cart("cart-42-1", "42", customer_id="u-17")
    assert isinstance(held, Held)
    assert [(line.sku, line.quantity) for line in held.lines] == [("P-1", 2), ("P-2", 1)]
    assert await client.reserve_cart("cart-42-1", "42", customer_id="u-17") == held
    description = await service.stage.till.handle("cart-42-1").describe()
    assert description.typed_search_attributes[SKUS] == ["P-1", "P-2"]
    assert [line.sku for line in (await client.status("cart-42-1")).lines] == ["P-1", "P-2"]
    assert shop.code('Product.find_by!(sku: "P-1").available_quantity') == 38
    assert isinstance(await client.confirm("cart-42-1", "pay-1"), Fulfilled)
    assert shop.code("Cart.find(42).status") == "checked_out"
    assert shop.item("P-1") == (38, 0, 0)
    with pytest.raises(CheckoutConflict):
        await client.reserve("cart-42-1", [("P-1", 2)], cart_id="42", customer_id="u-17")


async def test_a_cart_that_cannot_be_held_fails_the_checkout_and_spends_its_id(service: Service):
    shop, client = service.shop, service.client
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="there is no cart 7") as caught:
            await client.reserve_cart("cart-7-1", "7")
        assert caught.value.field == "cart_id"
        shop.code("Cart.find_by(id: 7) || Cart.create!(id: 7)")
    with pytest.raises(InvalidRequest, match="cart 7 is empty"):
        await client.reserve_cart("cart-7-2", "7")
    shop.code("CartItem.create!(cart_id: 7, product: Product.first, quantity: 99)")
    denied = await client.reserve_cart("cart-7-3", "7")
    assert isinstance(denied, Denied)
    description = await service.stage.till.handle("cart-7-3").describe()
    assert description.typed_search_attributes[SKUS] == ["P-1"]


async def test_a_reset_answers_from_the_record_whatever_is_in_the_cart(
    service: Service, unique: str
):
    shop, client = service.shop, service.client
    fill_cart(shop, 42, P_1=2)
    held = await client.reserve_cart(unique, "42")
    shop.code("CartItem.update_all(quantity: 9)")
    await reset(service.stage, unique)
    assert await client.reserve_cart(unique, "42") == held
    assert shop.item("P-1") == (40, 2, 0)


async def test_checkouts_buy_beside_the_shops_own_code_and_every_figure_stays_right(
    service: Service, unique: str
):
    """Paid, given back, extended and expired, by twenty carts, while the shop's models buy."""
    shop, client = service.shop, service.client
    for number in range(1, 21):
        fill_cart(shop, number, **{f"P_{number % PRODUCTS + 1}": 2, f"P_{(number + 2) % 5 + 1}": 1})
    own = "Product.order(:id).map { |each| each.reserve_stock!(1) }.all?"
    bought, *ids = await asyncio.gather(
        asyncio.to_thread(lambda: [shop.code(own) for _ in range(10)]),
        *(_hold(client, f"{unique}-{n}", str(n), 900 if n < 18 else 10) for n in range(1, 21)),
    )
    assert all(bought)
    checkouts = dict(enumerate(ids, start=1))
    assert [shop.item(f"P-{n}")[2] for n in range(1, PRODUCTS + 1)] == [10] * PRODUCTS
    assert shop.breaches() == []
    await asyncio.gather(
        *(client.confirm(checkouts[n], f"pay-{unique}-{n}") for n in range(1, 8)),
        *(client.confirm(checkouts[n], f"pay-{unique}-{n}", settle="commit") for n in range(8, 12)),
        *(client.cancel(checkouts[n]) for n in range(12, 16)),
        *(client.extend(checkouts[n], 600) for n in range(16, 18)),
    )
    ended = await asyncio.gather(*(service.stage.till.result(checkouts[n]) for n in (18, 19, 20)))
    assert [each["status"] for each in ended] == ["expired"] * 3
    assert isinstance(await client.confirm(checkouts[18], f"pay-{unique}-18"), Expired)
    assert shop.code("Cart.order(:id).pluck(:status)") == (
        ["checked_out"] * 11 + ["active"] * 6 + ["abandoned"] * 3
    )
    assert sum(shop.item(f"P-{n}")[0] for n in range(1, PRODUCTS + 1)) == 5 * 40 - 7 * 3
    assert sum(shop.item(f"P-{n}")[1] for n in range(1, PRODUCTS + 1)) == 50 + (4 + 2) * 3
    assert shop.code("Product.sum(:reserved_quantity)") == 50 + (4 + 2) * 3
    assert shop.breaches() == []


async def _hold(
    client: ReservationClient, checkout_id: str, cart_id: str, hold_seconds: int
) -> str:
    """Hold a cart, under one more id each time a busy machine has not decided; return the last."""
    ids = (f"{checkout_id}/{attempt}" for attempt in itertools.count())
    outcome: Outcome = Unavailable()
    while isinstance(outcome, Unavailable):
        outcome = await client.reserve_cart(id := next(ids), cart_id, hold_seconds=hold_seconds)
    assert isinstance(outcome, Held | Expired)
    return id
