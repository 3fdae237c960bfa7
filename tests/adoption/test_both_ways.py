"""What the ledger changes shows in the shop's row, and what the shop's code changes counts."""

from __future__ import annotations

import pytest

from activities.inventory.database.errors import FigureUnfit
from activities.inventory.records import StockRow
from holdfast_client.contract.holds import HoldsRequest
from holdfast_client.contract.messages import StockAdjustment
from holdfast_client.contract.outcomes import (
    AdjustmentApplied,
    AdjustmentRefused,
    Denied,
    Held,
    KnownAdjustmentOutcome,
)
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import Refusal


@pytest.fixture
def shop_c(open_adopted: OpenAdopted) -> Adopted:
    """Shop C with ten mugs, two of them reserved by its own code, and five cups."""
    shop = open_adopted("c")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    shop.code('cup = Product.objects.create(sku="CUP", name="Cup", price=4)')
    shop.code("Stock.objects.create(product=mug, quantity=10, reserved_quantity=2)")
    shop.code("Stock.objects.create(product=cup, quantity=5)")
    return shop


@pytest.fixture
def shop_a(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with the same."""
    shop = open_adopted("a")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10, reserved_quantity: 2)')
    shop.code('Product.create!(sku: "CUP", name: "Cup", stock_quantity: 5)')
    return shop


MUG = "Stock.objects.filter(product__sku='MUG')"
FIGURES = f"list({MUG}.values_list('quantity', 'reserved_quantity')[0])"


def test_what_is_there_is_taken_in_as_it_stands_and_applying_again_does_nothing(shop_c: Adopted):
    shop_c.adopt()
    assert shop_c.item("MUG") == (10, 2, 2)
    assert shop_c.item("CUP") == (5, 0, 0)
    assert shop_c.code(FIGURES) == [10, 2]
    assert shop_c.standing().shop_reserved == 2
    before = shop_c.kinds("MUG")
    shop_c.adopt()
    assert shop_c.kinds("MUG") == before == [("shop", 10, 2)]
    assert shop_c.breaches() == []


def test_a_checkout_shows_in_the_shops_row_at_once_and_so_does_its_payment(shop_c: Adopted):
    shop_c.adopt()
    touched = f"str({MUG}.get().updated_at)"
    before = shop_c.code(touched)
    assert isinstance(shop_c.reserve("c1", MUG=3), Held)
    assert shop_c.code(FIGURES) == [10, 5]
    assert shop_c.code("Stock.objects.get_available_quantities([mug.id, cup.id])") == {
        "1": 5,
        "2": 5,
    }
    assert shop_c.code(f"{MUG}.get().available_quantity") == 5
    assert shop_c.code(touched) > before
    shop_c.close("c1")
    assert shop_c.code(FIGURES) == [7, 2]
    assert shop_c.item("MUG") == (7, 2, 2)
    assert shop_c.breaches() == []


def test_what_the_shop_reserves_nobody_else_can_have(shop_c: Adopted):
    shop_c.adopt()
    assert shop_c.code("Stock.objects.bulk_reserve({mug.id: 6, cup.id: 1})") is True
    assert shop_c.item("MUG") == (10, 8, 8)
    denied = shop_c.reserve("c1", MUG=3)
    assert isinstance(denied, Denied)
    assert denied.shortages[0].available == 2
    assert isinstance(shop_c.reserve("c2", MUG=2), Held)
    assert shop_c.code("Stock.objects.bulk_reserve({mug.id: 1})") is False
    assert shop_c.breaches() == []


def test_a_part_that_the_shop_commits_by_its_own_fault_is_listed_and_drained(shop_c: Adopted):
    """`bulk_reserve` returns inside its transaction, so what came before the shortage stays."""
    shop_c.adopt()
    assert shop_c.code("Stock.objects.bulk_reserve({mug.id: 4, cup.id: 99})") is False
    assert shop_c.item("MUG") == (10, 6, 6)
    assert dict(shop_c.standing().shop_reserved_rows[0])["sku"] == "MUG"
    assert shop_c.breaches() == []


def test_the_shop_takes_nothing_from_a_checkout(shop_c: Adopted):
    shop_c.adopt()
    shop_c.reserve("c1", MUG=3)
    shop_c.code(f"{MUG}.update(reserved_quantity=0)")
    assert shop_c.code(FIGURES) == [10, 3]
    assert shop_c.item("MUG") == (10, 3, 0)
    shop_c.code(f"{MUG}.update(quantity=1)")
    assert shop_c.code(FIGURES) == [3, 3]
    assert shop_c.put_back() == [("MUG", "quantity", 1), ("MUG", "reserved_quantity", 1)]
    assert shop_c.breaches() == []


def test_figures_that_pass_through_each_other_in_one_transaction_lose_nothing(shop_c: Adopted):
    """The total first, then what was reserved: in between more is reserved than is there."""
    shop_c.adopt()
    shop_c.code(f"{MUG}.update(reserved_quantity=10)")
    shop_c.code(
        "with transaction.atomic():\n"
        f"    {MUG}.update(quantity=F('quantity') - 4)\n"
        f"    {MUG}.update(reserved_quantity=F('reserved_quantity') - 4)\n"
    )
    assert shop_c.code(FIGURES) == [6, 6]
    assert shop_c.item("MUG") == (6, 6, 6)
    assert shop_c.put_back() == []


def test_new_renamed_and_deleted_products_follow(shop_c: Adopted):
    shop_c.adopt()
    shop_c.code('pot = Product.objects.create(sku="POT", name="Pot", price=9)')
    shop_c.code("Stock.objects.create(product=pot, quantity=3)")
    assert shop_c.item("POT") == (3, 0, 0)
    shop_c.reserve("c1", POT=1)
    shop_c.code('Product.objects.filter(sku="POT").update(sku="POT-2", name="Pan")')
    assert shop_c.item("POT-2") == (3, 1, 0)
    assert isinstance(shop_c.reserve("c2", POT_2=1), Held)
    with pytest.raises(Refusal, match="2 units of POT-2 are held by checkouts of Holdfast"):
        shop_c.code("pot.delete()")
    shop_c.close("c1", "cancelled")
    shop_c.close("c2", "cancelled")
    shop_c.code("Product.objects.get(sku='POT-2').delete()")
    assert shop_c.item("POT-2") == (0, 0, 0)
    assert shop_c.breaches() == []


def test_a_row_and_its_product_in_one_transaction_of_the_shop_are_taken_in_at_its_end(
    shop_c: Adopted,
):
    shop_c.adopt()
    shop_c.code(
        "with transaction.atomic():\n"
        "    jar = Product.objects.create(sku='JAR', name='Jar', price=1)\n"
        "    Stock.objects.create(product=jar, quantity=2)\n"
        "    Stock.objects.filter(product=jar).update(quantity=F('quantity') + 5)\n"
    )
    assert shop_c.item("JAR") == (7, 0, 0)
    shop_c.code(
        "with transaction.atomic():\n"
        "    Product.objects.get(sku='JAR').delete()\n"
        "    jar = Product.objects.create(sku='JAR', name='Jar', price=1)\n"
        "    Stock.objects.create(product=jar, quantity=4)\n"
    )
    assert shop_c.item("JAR") == (4, 0, 0)
    assert isinstance(shop_c.reserve("c1", JAR=4), Held)
    assert shop_c.breaches() == []


@pytest.mark.parametrize("table", ["inventory_stock", "inventory_product"])
def test_a_table_that_is_adopted_is_not_truncated(shop_c: Adopted, table: str):
    shop_c.adopt()
    with pytest.raises(Exception, match="is adopted by Holdfast and cannot be truncated"):
        shop_c.sql.execute(f"TRUNCATE {table} CASCADE")


def test_rows_that_are_copied_in_are_taken_in(shop_a: Adopted):
    shop_a.adopt()
    with (
        shop_a.sql.cursor() as cursor,
        cursor.copy(
            "COPY products (name, sku, stock_quantity, created_at, updated_at) FROM STDIN"
        ) as copy,
    ):
        for number in range(100):
            copy.write_row((f"P{number}", f"P-{number}", number, "2026-01-01", "2026-01-01"))
    assert shop_a.item("P-99") == (99, 0, 0)
    assert shop_a.breaches() == []


def test_a_session_that_replays_changes_meets_the_switches_too(shop_a: Adopted):
    """As a restore without triggers does, or a replica: they are ALWAYS."""
    shop_a.adopt()
    shop_a.superuser(
        "SET session_replication_role = replica; "
        "UPDATE public.products SET stock_quantity = 12 WHERE sku = 'MUG'"
    )
    assert shop_a.item("MUG") == (12, 2, 2)
    assert shop_a.breaches() == []


def test_the_methods_of_shop_a_are_right_beside_checkouts(shop_a: Adopted):
    shop_a.adopt()
    mug = 'Product.find_by!(sku: "MUG")'
    shop_a.reserve("c1", MUG=3)
    assert shop_a.code(f"{mug}.available_quantity") == 5
    assert shop_a.code(f"{mug}.reserve_stock!(4)") is True
    assert shop_a.item("MUG") == (10, 9, 6)
    assert shop_a.code(f"{mug}.reserve_stock!(2)") is False
    assert shop_a.code("Product.in_stock.pluck(:sku).sort") == ["CUP", "MUG"]
    assert shop_a.code("Product.low_stock(1).pluck(:sku)") == ["MUG"]
    shop_a.code(f"{mug}.release_stock!(6)")
    assert shop_a.item("MUG") == (10, 3, 0)
    # It would take more than its own.
    shop_a.code(f"{mug}.release_stock!(2)")
    assert shop_a.item("MUG") == (10, 3, 0)
    assert shop_a.put_back() == [("MUG", "reserved_quantity", 1)]
    assert shop_a.breaches() == []


def test_a_race_of_the_shops_own_that_reserves_what_is_not_there_is_put_back(shop_a: Adopted):
    """Two processes checked, then both incremented."""
    shop_a.adopt()
    first = 'one, other = Product.find_by!(sku: "CUP"), Product.find_by!(sku: "CUP"); '
    assert shop_a.code(first + "[one.reserve_stock!(4), other.reserve_stock!(3)]") == [True, True]
    assert shop_a.item("CUP") == (5, 5, 5)
    assert shop_a.put_back() == [("CUP", "reserved_quantity", 1)]
    assert shop_a.breaches() == []


def test_rails_writes_only_what_it_changes_so_a_form_of_yesterday_undoes_no_sale(shop_a: Adopted):
    shop_a.adopt()
    shop_a.code('old = Product.find_by!(sku: "MUG")')
    shop_a.reserve("c1", MUG=3)
    shop_a.code('old.update!(name: "Big mug")')
    assert shop_a.item("MUG") == (10, 5, 2)
    assert shop_a.put_back() == []


def receive(
    shop: Adopted, adjustment_id: str, quantity: int, sku: str = "MUG"
) -> KnownAdjustmentOutcome:
    return shop.ledger.adjust(
        StockAdjustment(adjustment_id=adjustment_id, sku=sku, kind="receive", quantity=quantity)
    )


@pytest.mark.parametrize("sku", ["PEN\u200b", "PEN\u00a0", " PEN", "P\u202eEN", "P\tEN"])
def test_a_sku_that_no_message_can_name_makes_no_stock_item_and_is_noted(shop_a: Adopted, sku: str):
    shop_a.adopt()
    shop_a.reserve("c1", MUG=3)
    shop_a.sql.execute("UPDATE products SET sku = %s WHERE sku = 'MUG'", [sku])
    shop_a.sql.execute("UPDATE products SET sku = %s WHERE sku = 'CUP'", [f"{sku}{sku}"])
    assert [row[0] for row in shop_a.owner("SELECT sku FROM holdfast.stock_items ORDER BY 1")] == [
        "CUP",
        "MUG",
    ]
    assert [(row[0], row[1]) for row in shop_a.put_back()] == [("CUP", "sku"), ("MUG", "sku")]
    shop_a.close("c1", "cancelled")
    assert shop_a.item("MUG") == (10, 2, 2)


def test_what_the_shops_own_code_has_reserved_is_told_wherever_it_stands_in_the_way(
    shop_c: Adopted,
):
    shop_c.adopt()
    shop_c.reserve("c1", MUG=3)
    found = shop_c.ledger.holds(HoldsRequest(sku="MUG"))
    assert [hold.units for hold in found.holds] == [3]
    assert found.shop_reserved == 2
    count = StockAdjustment(adjustment_id="a1", sku="MUG", kind="count", quantity=1)
    refused = shop_c.ledger.adjust(count)
    assert isinstance(refused, AdjustmentRefused)
    assert [holder.quantity for holder in refused.holders] == [3]
    assert (refused.reserved, refused.shop_reserved, refused.units_left_out) == (5, 2, 0)


def test_a_figure_that_would_not_fit_the_shops_column_is_refused(shop_a: Adopted):
    shop_a.adopt()
    words = "a figure of MUG does not fit its column of public.products"
    with pytest.raises(FigureUnfit, match=words):
        shop_a.ledger.load_stock([StockRow("CUP", "main", 7), StockRow("MUG", "main", 2**31)])
    assert (shop_a.item("CUP"), shop_a.item("MUG")) == ((5, 0, 0), (10, 2, 2))
    for number in (1, 2):
        assert isinstance(receive(shop_a, f"d{number}", 10**9), AdjustmentApplied)
    for _ in range(2):
        refused = receive(shop_a, "d3", 10**9)
        assert isinstance(refused, AdjustmentRefused)
        assert (refused.reason, refused.total) == ("over_shop_column", 2 * 10**9 + 10)
    assert isinstance(receive(shop_a, "d4", 2**31 - 1 - 2 * 10**9 - 10), AdjustmentApplied)
    assert shop_a.item("MUG") == (2**31 - 1, 2, 2)
    assert shop_a.breaches() == []


def test_a_delivery_and_a_count_of_the_ledgers_show_in_the_row(shop_a: Adopted):
    shop_a.adopt()
    shop_a.ledger.load_stock([StockRow("MUG", "main", 12)])
    assert shop_a.code('Product.find_by!(sku: "MUG").stock_quantity') == 12
    assert shop_a.breaches() == []
