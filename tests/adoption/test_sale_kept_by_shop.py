"""Whether a product is for sale, where a column of the shop's says so: nobody else does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Elsewhere, Plan
from activities.inventory.records import StockRow
from holdfast_client.cli.adjustment_sheet import refusal_words
from holdfast_client.contract.messages import AdjustmentKind, StockAdjustment
from holdfast_client.contract.outcomes import (
    AdjustmentApplied,
    AdjustmentRefused,
    Denied,
    Held,
    KnownAdjustmentOutcome,
)
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_adopting_again import Interrupted, interrupt
from tests.adoption.test_commands import run


@pytest.fixture
def unadopted(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with a column of what is published, and ten mugs that are."""
    shop = open_adopted("a")
    shop.sql.execute("ALTER TABLE products ADD published boolean NOT NULL DEFAULT true")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10)')
    return shop


@pytest.fixture
def shop(unadopted: Adopted) -> Adopted:
    """The same, adopted by a plan that names the column."""
    steps.apply(unadopted.engine, plan(unadopted))
    return unadopted


def plan(shop: Adopted, **stock: Any) -> Plan:
    document = shop.plan.model_dump()
    wanted = {**document["stock"], "active": "published", **stock}
    return Plan.model_validate({**document, "stock": wanted})


def say(
    shop: Adopted, id: str, kind: AdjustmentKind, sku: str = "MUG", quantity: int = 0
) -> KnownAdjustmentOutcome:
    return shop.ledger.adjust(
        StockAdjustment(adjustment_id=id, sku=sku, kind=kind, quantity=quantity)
    )


def publish(shop: Adopted, value: bool) -> None:
    shop.sql.execute("UPDATE products SET published = %s", [value])


def is_for_sale(shop: Adopted) -> bool:
    (item,) = shop.ledger.availability(["MUG"])
    return item.active


def kept(shop: Adopted, reserved: int) -> AdjustmentRefused:
    return AdjustmentRefused(
        reason="kept_by_shop",
        sku="MUG",
        location="main",
        total=10,
        reserved=reserved,
        available=10 - reserved,
        shop_column="public.products.published",
    )


def test_a_recall_of_what_the_shop_publishes_is_refused_and_names_the_column(shop: Adopted):
    shop.reserve("c1", MUG=3)
    for _ in range(2):
        assert say(shop, "recall-7", "deactivate") == kept(shop, 3)
    assert is_for_sale(shop)
    assert [kind for kind, _, _ in shop.kinds("MUG")] == ["shop", "reserve"]


def test_a_recall_in_the_shop_outlasts_the_end_of_the_holds(shop: Adopted):
    shop.reserve("c1", MUG=3)
    publish(shop, False)
    assert not is_for_sale(shop)
    shop.close("c1", "cancelled")
    assert not is_for_sale(shop)
    assert isinstance(shop.reserve("c2", MUG=1), Denied)
    publish(shop, True)
    assert isinstance(shop.reserve("c3", MUG=1), Held)
    assert shop.breaches() == []


def test_what_the_shop_has_taken_out_of_sale_is_not_put_back(shop: Adopted):
    publish(shop, False)
    assert say(shop, "sell-1", "activate") == kept(shop, 0)
    # Where both say the same it is refused too: the shop may say otherwise at any time.
    assert say(shop, "recall-7", "deactivate") == kept(shop, 0)
    assert isinstance(shop.reserve("c1", MUG=1), Denied)


def test_other_changes_of_the_item_are_as_ever(shop: Adopted):
    assert isinstance(say(shop, "d1", "receive", quantity=2), AdjustmentApplied)
    assert shop.item("MUG") == (12, 0, 0)


def test_without_the_column_a_recall_lasts(unadopted: Adopted):
    unadopted.adopt()
    unadopted.reserve("c1", MUG=3)
    assert isinstance(say(unadopted, "recall-7", "deactivate"), AdjustmentApplied)
    unadopted.close("c1", "cancelled")
    unadopted.sql.execute("UPDATE products SET stock_quantity = 11, name = 'Big mug'")
    assert not is_for_sale(unadopted)
    assert isinstance(unadopted.reserve("c2", MUG=1), Denied)
    assert isinstance(say(unadopted, "recall-8", "activate"), AdjustmentApplied)
    assert isinstance(unadopted.reserve("c3", MUG=1), Held)


def test_before_its_page_too_and_what_no_row_has_is_the_ledgers(
    unadopted: Adopted, monkeypatch: pytest.MonkeyPatch
):
    unadopted.code('Product.create!(sku: "CUP", name: "Cup", stock_quantity: 10)')
    unadopted.ledger.load_stock([StockRow("CUP", "main", 10), StockRow("OWN", "main", 1)])
    unadopted.ledger.load_stock([StockRow("CUP", "depot", 1)])
    monkeypatch.setattr(steps, "PAGE_ROWS_MAX", 1)
    with pytest.raises(Interrupted):
        steps.apply(unadopted.engine, plan(unadopted), interrupt)
    refused = say(unadopted, "r1", "deactivate", "CUP")
    assert isinstance(refused, AdjustmentRefused)
    assert refused.shop_column == "public.products.published"
    assert isinstance(say(unadopted, "r2", "deactivate", "OWN"), AdjustmentApplied)
    at_depot = StockAdjustment(
        adjustment_id="r3", sku="CUP", location="depot", kind="deactivate", quantity=0
    )
    assert isinstance(unadopted.ledger.adjust(at_depot), AdjustmentApplied)


def test_left_the_ledger_says_it_again(shop: Adopted):
    steps.leave(shop.engine, plan(shop))
    assert isinstance(say(shop, "recall-7", "deactivate"), AdjustmentApplied)
    assert not is_for_sale(shop)


def test_a_column_of_another_table_is_named_there(open_adopted: OpenAdopted):
    shop = open_adopted("c")
    shop.sql.execute("ALTER TABLE inventory_product ADD is_active boolean NOT NULL DEFAULT true")
    shop.sql.execute(
        "INSERT INTO inventory_product (sku, name, price, created_at, updated_at) "
        "VALUES ('MUG', 'Mug', 5, now(), now())"
    )
    shop.sql.execute(
        "INSERT INTO inventory_stock (product_id, quantity, reserved_quantity, updated_at) "
        "VALUES (1, 10, 0, now())"
    )
    active = Elsewhere(table="public.inventory_product", column="is_active", via="product_id")
    steps.apply(shop.engine, plan(shop, active=active))
    refused = say(shop, "recall-7", "deactivate")
    assert isinstance(refused, AdjustmentRefused)
    assert refused.shop_column == "public.inventory_product.is_active"


WHERE = (
    "the shop itself says whether 'MUG' at main is for sale, in public.products.published: "
    "switch it there, and Holdfast follows"
)


def test_support_is_told_where_to_switch_it(shop: Adopted):
    told = run(shop, "item", "set", "MUG", "--inactive")
    assert (told.returncode, told.stdout, told.stderr) == (1, "", f"{WHERE}\n")
    as_data = json.loads(run(shop, "item", "set", "MUG", "--active", "--json").stdout)
    assert as_data["error"] == {"type": "KeptByShop", "message": WHERE}
    assert refusal_words(kept(shop, 0), "deactivate") == (
        f"{WHERE}; a refused id stays refused, so use a new one"
    )


def test_what_was_recalled_in_the_ledger_is_named_before_it_is_adopted(unadopted: Adopted):
    unadopted.ledger.load_stock([StockRow("MUG", "main", 10), StockRow("CUP", "main", 1)])
    for sku in ("MUG", "CUP"):
        say(unadopted, f"old-{sku}", "deactivate", sku)
        say(unadopted, f"new-{sku}", "activate", sku)
    assert steps.check(unadopted.engine, plan(unadopted)) == []
    say(unadopted, "recall-7", "deactivate")
    (told,) = steps.check(unadopted.engine, plan(unadopted))
    assert told == (
        "public.products row 1 (MUG): public.products.published has it for sale, and recall-7 took "
        "it out of sale in the ledger: take it out of sale in the shop, or "
        "`holdfast adjust ... activate`"
    )
    # Without the column a recall lasts.
    assert steps.check(unadopted.engine, unadopted.plan) == []
    with pytest.raises(steps.AdoptionRefused, match="recall-7"):
        steps.apply(unadopted.engine, plan(unadopted))
    publish(unadopted, False)
    steps.apply(unadopted.engine, plan(unadopted))
    assert not is_for_sale(unadopted)


def test_what_the_shop_itself_took_out_of_sale_is_no_recall(shop: Adopted):
    publish(shop, False)
    steps.leave(shop.engine, plan(shop))
    publish(shop, True)
    assert steps.check(shop.engine, plan(shop)) == []


def test_a_recall_that_the_shops_word_has_replaced_since_is_none(unadopted: Adopted):
    unadopted.ledger.load_stock([StockRow("MUG", "main", 10)])
    say(unadopted, "recall-7", "deactivate")
    publish(unadopted, False)
    steps.apply(unadopted.engine, plan(unadopted))
    publish(unadopted, True)
    publish(unadopted, False)
    steps.leave(unadopted.engine, plan(unadopted))
    publish(unadopted, True)
    assert steps.check(unadopted.engine, plan(unadopted)) == []


def test_a_recall_goes_with_the_item_under_any_name(unadopted: Adopted):
    unadopted.adopt()
    say(unadopted, "recall-7", "deactivate")
    unadopted.sql.execute("UPDATE products SET sku = 'CUP'")
    steps.leave(unadopted.engine, unadopted.plan)
    assert "recall-7 took it out of sale" in steps.check(unadopted.engine, plan(unadopted))[0]
