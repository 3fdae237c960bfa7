"""Constraints of the shop's that would refuse what the ledger writes are named before it writes."""

from __future__ import annotations

import pytest

from activities.inventory.adoption import steps
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted

CARTS = "ALTER TABLE carts "
PRODUCTS = "ALTER TABLE products "
HOLDS = "ALTER TABLE inventory_stockreservation "
KNOWN_WORDS = (
    "CREATE TABLE words (word varchar PRIMARY KEY); INSERT INTO words VALUES ('active'), ({more}); "
    "ALTER TABLE carts ADD CONSTRAINT known FOREIGN KEY (status) REFERENCES words"
)


@pytest.fixture
def shop_a(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("a")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10, reserved_quantity: 2)')
    shop.code("Cart.create!")
    return shop


@pytest.fixture
def shop_b(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    return shop


def found(shop: Adopted) -> list[str]:
    return steps.check(shop.engine, shop.plan)


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (CARTS + "ALTER status TYPE varchar(8)", "carts.fulfilled: checked_out has 11 characters"),
        (CARTS + "ALTER status TYPE varchar(8)", "carts.expired: abandoned has 9 characters, and"),
        (
            CARTS + "ADD CONSTRAINT odd CHECK (status IN ('active', 'ordered'))",
            "the constraint odd on public.carts may refuse a status of checked_out, abandoned",
        ),
        (
            CARTS + "ADD CONSTRAINT odd CHECK (status <> 'checked_out' OR user_id IS NOT NULL)",
            "the constraint odd on public.carts may refuse a status of checked_out, abandoned",
        ),
        (
            KNOWN_WORDS.format(more="'abandoned'"),
            "the constraint known on public.carts refuses a status of checked_out, abandoned",
        ),
        (
            "CREATE UNIQUE INDEX once ON carts (user_id, status)",
            "the index once lets public.carts have a status only once",
        ),
        (
            "CREATE UNIQUE INDEX once ON carts (user_id) WHERE status <> 'active'",
            "the index once lets public.carts have a status only once",
        ),
        (
            PRODUCTS + "ADD CONSTRAINT odd CHECK (stock_quantity >= 9)",
            "the constraint odd on public.products refuses figures that stock can have: CHECK",
        ),
        (PRODUCTS + "ADD CONSTRAINT odd CHECK (stock_quantity <= 12)", "the constraint odd on"),
        (PRODUCTS + "ADD CONSTRAINT odd CHECK (reserved_quantity < stock_quantity)", "odd on"),
        (
            "CREATE UNIQUE INDEX once ON products (stock_quantity)",
            "the index once lets public.products have a figure only once",
        ),
    ],
)
def test_what_refuses_a_status_or_a_figure_is_named(shop_a: Adopted, change: str, obstacle: str):
    shop_a.sql.execute(change)
    assert any(obstacle in each for each in found(shop_a)), found(shop_a)


@pytest.mark.parametrize(
    "change",
    [
        CARTS + "ADD CHECK (status IN ('active', 'checked_out', 'abandoned'))",
        CARTS + "ADD CHECK (user_id > 0)",
        KNOWN_WORDS.format(more="'abandoned'), ('checked_out'"),
        "CREATE UNIQUE INDEX once ON carts (user_id) WHERE status = 'active'",
        PRODUCTS + "ADD CHECK (stock_quantity >= 0 AND reserved_quantity > -1)",
        PRODUCTS + "ADD CHECK (NOT stock_quantity < reserved_quantity)",
        PRODUCTS + "ADD CHECK (stock_quantity - reserved_quantity + 1 > 0)",
    ],
)
def test_what_lets_all_pass_stands_in_nobodys_way(shop_a: Adopted, change: str):
    shop_a.sql.execute(change)
    assert found(shop_a) == []


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (HOLDS + "ALTER quantity TYPE smallint", "has room for 32,767, and a checkout may hold"),
        (
            HOLDS + "ADD CONSTRAINT odd CHECK (quantity <= 2)",
            "the constraint odd on public.inventory_stockreservation may refuse holds that there",
        ),
        (
            HOLDS + "ADD CONSTRAINT odd CHECK (user_id IS NOT NULL OR session_key IS NOT NULL)",
            "the constraint odd on public.inventory_stockreservation may refuse holds",
        ),
        (HOLDS + "ADD CONSTRAINT odd CHECK (length(session_key) = 32)", "the constraint odd on"),
        (HOLDS + "ADD CONSTRAINT odd CHECK (expires_at > created_at + '1 h')", "odd on"),
        (HOLDS + "ADD CONSTRAINT odd CHECK (quantity < product_id + 100)", "odd on"),
        (
            "CREATE TABLE kinds (id integer PRIMARY KEY); "
            + HOLDS
            + "ADD CONSTRAINT odd FOREIGN KEY (quantity) REFERENCES kinds",
            "the constraint odd on public.inventory_stockreservation binds a hold: FOREIGN KEY",
        ),
        (
            "ALTER TABLE orders_cartitem ADD CONSTRAINT odd CHECK (quantity >= 2)",
            "the constraint odd on public.orders_cartitem may refuse quantities that can be left",
        ),
    ],
)
def test_what_refuses_a_hold_or_a_cleared_line_is_named(
    shop_b: Adopted, change: str, obstacle: str
):
    assert found(shop_b) == []
    shop_b.sql.execute(change)
    assert any(obstacle in each for each in found(shop_b)), found(shop_b)


def test_checks_that_every_hold_passes_stand_in_nobodys_way(shop_b: Adopted):
    shop_b.sql.execute(HOLDS + "ADD CHECK (quantity > 0), ADD CHECK (created_at < expires_at)")
    shop_b.sql.execute(HOLDS + "ADD CHECK (session_key <> '')")
    assert found(shop_b) == []
