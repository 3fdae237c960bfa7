"""A shop's columns may be called anything, also what Holdfast's functions call their own things."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from activities.inventory.adoption import script, steps
from activities.inventory.database.errors import LedgerError
from activities.inventory.records import HoldExtension
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted

TABLES = ("inventory_product", "inventory_stockreservation", "orders_cart", "orders_cartitem")
_DECLARED = re.compile(r"^ {4}(\w+) (?:CONSTANT )?\w", re.MULTILINE)


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop B, each of whose tables has a column for each name that an adoption's functions use."""
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('cart = Cart.objects.create(session_key="s-1")')
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop.adopt()
    names = names_used(shop)
    steps.leave(shop.engine, shop.plan)
    assert {"keys", "items", "word", "units"} < names
    for table in TABLES:
        added = ", ".join(f'ADD COLUMN IF NOT EXISTS "{name}" integer' for name in sorted(names))
        shop.sql.execute(f"ALTER TABLE {table} {added}")
    return shop


def names_used(shop: Adopted) -> set[str]:
    """Return the arguments and variables of all functions of the ledger's schema."""
    names: set[str] = set()
    for arguments, source in shop.owner(
        "SELECT coalesce(proargnames, '{}'), prosrc FROM pg_proc "
        "WHERE pronamespace = 'holdfast'::regnamespace"
    ):
        names.update(arguments)
        declared, begun, _ = source.partition("BEGIN")
        if begun:
            names.update(_DECLARED.findall(declared))
    return names


def test_a_shop_with_columns_of_such_names_is_adopted_sells_and_is_left(shop: Adopted) -> None:
    shop.adopt()
    held = shop.reserve("c1", "s-1", MUG=2)
    assert isinstance(held, Held)
    later = held.expires_at + timedelta(seconds=60)
    shop.ledger.extend([HoldExtension("c1", later, "e1")])
    shop.sql.execute("UPDATE inventory_product SET total_stock = 1")
    shop.sql.execute("UPDATE inventory_product SET total_stock = 12, sku = 'JUG', name = 'Jug'")
    shop.sql.execute("UPDATE inventory_product SET reserved_stock = reserved_stock + 1")
    with shop.sql.transaction():
        shop.sql.execute("DELETE FROM inventory_stockreservation")
        shop.sql.execute("UPDATE inventory_product SET reserved_stock = reserved_stock - 2")
    assert shop.item("JUG") == (12, 3, 1)
    shop.close("c1")
    assert shop.code("CartItem.objects.count()") == 0
    put_back = {row["column_name"] for row in shop.standing().put_back_rows}
    assert put_back == {"reserved_stock", "total_stock"}
    assert shop.breaches() == []
    steps.leave(shop.engine, shop.plan)


def test_without_that_rule_it_is_not_even_adopted(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control."""
    monkeypatch.setattr(script, "_BODY", re.compile("no body"))
    with pytest.raises(LedgerError, match="ambiguous"):
        shop.adopt()
