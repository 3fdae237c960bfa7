"""Code that writes every column with what it once read: what each policy makes of it."""

from __future__ import annotations

import pytest

from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import Refusal
from tests.inventory.functions import rewrite_function

FIGURES = "list(Stock.objects.values_list('quantity', 'reserved_quantity')[0])"


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop C with ten mugs, and two tabs of a form that its code has read."""
    shop = open_adopted("c")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    shop.code("Stock.objects.create(product=mug, quantity=10)")
    shop.code("one, other = Stock.objects.get(), Stock.objects.get()")
    return shop


def test_a_figure_of_the_ledgers_stays_when_a_form_of_yesterday_is_saved(shop: Adopted):
    shop.adopt(total="ledger", reserved="ledger")
    assert isinstance(shop.reserve("c1", MUG=4), Held)
    shop.close("c1")
    assert isinstance(shop.reserve("c2", MUG=1), Held)
    shop.code("one.save()")
    shop.code("other.save()")
    assert shop.code(FIGURES) == [6, 1]
    assert shop.item("MUG") == (6, 1, 0)
    assert shop.put_back() == [("MUG", "quantity", 2), ("MUG", "reserved_quantity", 2)]
    assert shop.breaches() == []


SAVED_BUT_NOT_COMMITTED = (
    "with transaction.atomic():\n"
    "    one.save()\n"
    "    seen = list(Stock.objects.values_list('quantity', 'reserved_quantity')[0])\n"
)


def test_not_even_its_own_transaction_sees_what_a_form_of_yesterday_says(shop: Adopted):
    shop.adopt(total="ledger", reserved="ledger")
    shop.reserve("c1", MUG=4)
    shop.code(SAVED_BUT_NOT_COMMITTED)
    assert shop.code("seen") == [10, 4]


def test_without_what_puts_it_back_the_shops_transaction_goes_on_with_figures_of_yesterday(
    shop: Adopted,
):
    """The positive control: four that are held look free, until the end puts them right."""
    shop.adopt(total="ledger", reserved="ledger")
    shop.reserve("c1", MUG=4)
    rewrite_function(shop.engine, "keep_shop_row", 'NEW."reserved_quantity" := kept;')
    shop.code(SAVED_BUT_NOT_COMMITTED)
    assert shop.code("seen") == [10, 0]
    assert shop.code(FIGURES) == [10, 4]


def test_a_write_that_changes_a_refused_figure_says_what_to_call_instead(shop: Adopted):
    shop.adopt(total="refuse", reserved="refuse")
    shop.code("one.save()")  # changes nothing
    shop.reserve("c1", MUG=4)
    with pytest.raises(Refusal, match=r"inventory_stock.reserved_quantity of MUG is kept by"):
        shop.code("one.save()")
    with pytest.raises(Refusal, match=r"HINT:  Reserve by a checkout"):
        shop.code("Stock.objects.bulk_reserve({mug.id: 1})")
    with pytest.raises(Refusal, match=r"HINT:  Change it by `holdfast adjust`"):
        shop.code("Stock.objects.update(quantity=11)")
    shop.code("Stock.objects.update(updated_at='2026-01-01T00:00Z')")
    assert shop.item("MUG") == (10, 4, 0)
    assert shop.put_back() == []


def test_with_the_mixin_a_form_saves_what_was_typed_and_nothing_else(shop: Adopted):
    shop.adopt()
    shop.code("from examples.adopting.saving import SavesWhatChanged")
    shop.code(
        "class SafeStock(SavesWhatChanged, Stock):\n"
        "    class Meta:\n"
        "        proxy = True\n"
        "        app_label = 'shop_c'\n"
    )
    shop.code("tab = SafeStock.objects.get()")
    shop.reserve("c1", MUG=4)
    shop.code("tab.save()")
    assert shop.item("MUG") == (10, 4, 0)
    shop.code("tab.quantity = 12")
    shop.code("tab.save()")
    assert shop.item("MUG") == (12, 4, 0)
    assert shop.put_back() == []


# A page of the admin, opened and sent as a browser does: every field, with what it said by then.
ADMIN = """
from django.contrib.admin import AdminSite, ModelAdmin
from django.http import HttpRequest
from examples.adopting.saving import SavesWhatWasTyped

class Admin(ModelAdmin):
    fields = ["quantity", "reserved_quantity"]

class SafeAdmin(SavesWhatWasTyped, Admin):
    pass

def opened(kind):
    admin = kind(Stock, AdminSite())
    stock = Stock.objects.get()
    page = admin.get_form(HttpRequest(), stock, change=True)(instance=stock)
    values = {name: str(page[name].value()) for name in page.fields}
    return admin, values | {page.add_initial_prefix(name): value for name, value in values.items()}

def sent(tab, **typed):
    admin, values = tab
    stock = Stock.objects.get()
    values = values | {name: str(value) for name, value in typed.items()}
    form = admin.get_form(HttpRequest(), stock, change=True)(values, instance=stock)
    assert form.is_valid(), form.errors
    admin.save_model(HttpRequest(), form.save(commit=False), form, True)
"""


def test_the_admins_form_open_in_two_tabs_saves_what_was_typed_in_each(shop: Adopted):
    shop.adopt()
    shop.code(ADMIN)
    shop.code("one, other = opened(SafeAdmin), opened(SafeAdmin)")
    shop.reserve("c1", MUG=4)
    shop.close("c1")
    shop.code("sent(one)")
    assert shop.item("MUG") == (6, 0, 0)
    shop.code("sent(other, quantity=12)")
    assert shop.item("MUG") == (12, 0, 0)
    assert shop.put_back() == []


@pytest.mark.parametrize(("total", "kept"), [("shared", 10), ("ledger", 6)])
def test_without_the_mixin_a_tab_of_before_undoes_a_sale_unless_the_total_is_the_ledgers(
    shop: Adopted, total: str, kept: int
):
    """The positive control: Django reads the row anew, and takes the old total for a typed one."""
    shop.adopt(total=total)
    shop.code(ADMIN)
    shop.code("one = opened(Admin)")
    shop.reserve("c1", MUG=4)
    shop.close("c1")
    shop.code("sent(one)")
    assert shop.item("MUG") == (kept, 0, 0)


def test_the_same_two_tabs_with_shared_figures_undo_a_sale_which_is_why_the_page_warns(
    shop: Adopted,
):
    """The positive control of the policy: nothing but the word `ledger` is taken out."""
    shop.adopt()
    shop.reserve("c1", MUG=4)
    shop.close("c1")
    shop.code("one.save()")
    assert shop.item("MUG") == (10, 0, 0)


def test_a_trigger_of_the_shops_own_is_followed_like_its_code(shop: Adopted):
    """Nothing is skipped by who writes: the shop's trigger writes because the ledger did."""
    shop.sql.execute(
        "CREATE FUNCTION public.reorder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.quantity < 8 THEN UPDATE public.inventory_stock SET quantity = quantity + 100 "
        "WHERE id = NEW.id; END IF; RETURN NULL; END $$"
    )
    shop.sql.execute(
        "CREATE TRIGGER reorder AFTER UPDATE ON public.inventory_stock "
        "FOR EACH ROW EXECUTE FUNCTION public.reorder()"
    )
    shop.adopt()
    shop.reserve("c1", MUG=4)
    shop.close("c1")
    assert shop.item("MUG") == (106, 0, 0)
    assert shop.breaches() == []


LOOKS = {
    "follow_shop": ("figures_are_equal IS NOT TRUE", "true"),
    "follow_shop_rows": (
        "(f.total, f.reserved) IS DISTINCT FROM (f.total_quantity, f.reserved_quantity)",
        "true",
    ),
}


@pytest.mark.parametrize("left_out", LOOKS)
def test_either_place_where_row_and_item_are_compared_ends_the_loop(shop: Adopted, left_out: str):
    shop.adopt()
    rewrite_function(shop.engine, left_out, *LOOKS[left_out])
    shop.reserve("c1", MUG=4)
    assert shop.kinds("MUG") == [("shop", 10, 0), ("reserve", 0, 4)]


def test_without_the_comparison_what_the_ledger_wrote_comes_back_as_a_change_of_the_shops(
    shop: Adopted,
):
    """The positive control: the comparison is taken out, and nothing else."""
    shop.adopt()
    for function, clause in LOOKS.items():
        rewrite_function(shop.engine, function, *clause)
    shop.reserve("c1", MUG=4)
    assert shop.kinds("MUG") == [("shop", 10, 0), ("reserve", 0, 4), ("shop", 0, 0)]
