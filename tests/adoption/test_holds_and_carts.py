"""Holds as rows of the shop's, and what becomes of its carts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activities.inventory.adoption import steps
from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, ClosingStatus, HoldExtension, Part, StockRow
from holdfast_client.contract.messages import Line
from holdfast_client.contract.outcomes import Denied, Fulfilled, Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.inventory.shop import states

ROWS = (
    "list(StockReservation.objects.order_by('-product__sku', '-session_key')"
    ".values_list('product__sku', 'session_key', 'user_id', 'quantity'))"
)


@pytest.fixture
def shop_b(open_adopted: OpenAdopted) -> Adopted:
    """Shop B with ten mugs and five cups, and a buyer."""
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('cup = Product.objects.create(sku="CUP", name="Cup", total_stock=5)')
    shop.code('ann = User.objects.create(username="ann")')
    shop.code('cart = Cart.objects.create(session_key="s-1", user=ann)')
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop.code("CartItem.objects.create(cart=cart, product=cup, quantity=1)")
    return shop


def test_a_hold_is_seen_by_session_and_user_moves_with_an_extension_and_vanishes(shop_b: Adopted):
    shop_b.adopt()
    ann = shop_b.code("ann.id")
    held = shop_b.reserve("c1", "s-1", str(ann), MUG=2, CUP=1)
    assert isinstance(held, Held)
    assert shop_b.code(ROWS) == [["MUG", "s-1", ann, 2], ["CUP", "s-1", ann, 1]]
    assert shop_b.code("StockReservation.objects.active().count()") == 2
    assert shop_b.code("StockReservation.objects.expired().count()") == 0
    assert shop_b.code("StockReservation.objects.for_session('s-1').count()") == 2
    assert shop_b.code("StockReservation.objects.for_user(ann).count()") == 2
    assert shop_b.code("mug.refresh_from_db() or mug.available_stock") == 8
    deadline = "StockReservation.objects.first().expires_at.isoformat()"
    assert shop_b.code(deadline) == held.expires_at.isoformat()
    later = held.expires_at + timedelta(seconds=60)
    shop_b.ledger.extend([HoldExtension("c1", later, "e1")])
    assert shop_b.code(deadline) == later.isoformat()
    shop_b.close("c1", "cancelled")
    assert shop_b.code(ROWS) == []
    assert shop_b.code("mug.refresh_from_db() or mug.reserved_stock") == 0
    assert shop_b.breaches() == []


def test_a_row_follows_what_is_amended_given_back_and_waited_for(shop_b: Adopted):
    shop_b.adopt()
    held = shop_b.reserve("c1", "s-1", MUG=2)
    assert isinstance(held, Held)
    wanted = (Line(sku="CUP", location="main", quantity=1),)
    more = (Line(sku="MUG", location="main", quantity=3), *wanted)
    shop_b.ledger.amend(HoldAmendment("c1", "o1", more, 1))
    assert shop_b.code(ROWS) == [["MUG", "s-1", None, 3], ["CUP", "s-1", None, 1]]
    part = (Line(sku="MUG", location="main", quantity=1),)
    shop_b.ledger.part(Part("c1", "release", "o2", part))
    assert shop_b.code(ROWS) == [["MUG", "s-1", None, 2], ["CUP", "s-1", None, 1]]
    shop_b.ledger.amend(HoldAmendment("c1", "o3", wanted, 3))
    assert shop_b.code(ROWS) == [["CUP", "s-1", None, 1]]
    deadline = "StockReservation.objects.first().expires_at.isoformat()"
    shop_b.ledger.pause(Pause("c1", "payment_started", "o4", "pay-1", seconds=1_500))
    paying_until = shop_b.owner("SELECT ends_at FROM holdfast.reservations")[0][0]
    assert paying_until > held.expires_at
    assert shop_b.code(deadline) == paying_until.isoformat()
    shop_b.ledger.pause(Pause("c1", "payment_ended", "o5", "pay-1", result="failed"))
    assert shop_b.code(deadline) == held.expires_at.isoformat()
    assert shop_b.breaches() == []


def test_the_shops_own_reservations_stand_beside_those_of_checkouts(shop_b: Adopted):
    shop_b.adopt()
    shop_b.code(
        "from django.utils import timezone\n"
        "with transaction.atomic():\n"
        "    Product.objects.filter(sku='MUG').update(reserved_stock=F('reserved_stock') + 3)\n"
        "    StockReservation.objects.create(product=mug, session_key='s-2', quantity=3,\n"
        "        expires_at=timezone.now() + StockReservation.RESERVATION_DURATION)\n"
    )
    shop_b.reserve("c1", "s-1", MUG=2)
    assert shop_b.code(ROWS) == [["MUG", "s-2", None, 3], ["MUG", "s-1", None, 2]]
    assert shop_b.item("MUG") == (10, 5, 3)
    in_stock = "sorted(Product.objects.in_stock().values_list('sku', 'available_stock'))"
    assert shop_b.code(in_stock) == [["CUP", 5], ["MUG", 5]]


def test_what_fits_no_column_is_null_and_counted_and_the_hold_is_made(shop_b: Adopted):
    shop_b.adopt()
    assert isinstance(shop_b.reserve("c1", "s" * 41, "somebody", MUG=1), Held)
    assert isinstance(shop_b.reserve("c2", "s-1", "99999", MUG=1), Held)  # no such user
    assert shop_b.code(ROWS) == [["MUG", None, None, 1], ["MUG", "s-1", None, 1]]
    assert shop_b.standing().put_back == 3
    assert {row["key"] for row in shop_b.standing().put_back_rows} == {"checkout/c1", "checkout/c2"}


def test_a_shop_that_clears_up_expired_rows_takes_nothing_from_a_hold(shop_b: Adopted):
    """Its job finds a hold past its deadline before the ledger has ended it."""
    shop_b.adopt()
    shop_b.reserve("c1", "s-1", MUG=2)
    shop_b.code(
        "StockReservation.objects.all().delete()\n"
        "Product.objects.filter(sku='MUG').update(reserved_stock=F('reserved_stock') - 2)\n"
    )
    assert shop_b.item("MUG") == (10, 2, 0)
    shop_b.close("c1")
    assert shop_b.item("MUG") == (8, 0, 0)
    assert shop_b.breaches() == []


def test_a_job_in_two_transactions_takes_off_what_the_shops_own_buyers_have(shop_b: Adopted):
    """As docs/adopting.md says of the third step, and why such a job is to wait some minutes."""
    shop_b.adopt()
    shop_b.code("Product.objects.filter(sku='MUG').update(reserved_stock=F('reserved_stock') + 1)")
    shop_b.reserve("c1", "s-1", MUG=2)
    assert shop_b.item("MUG") == (10, 3, 1)
    shop_b.code("StockReservation.objects.all().delete()")
    shop_b.code("Product.objects.filter(sku='MUG').update(reserved_stock=F('reserved_stock') - 2)")
    assert shop_b.item("MUG") == (10, 2, 0)
    assert shop_b.put_back() == [("MUG", "reserved_stock", 1)]
    assert shop_b.breaches() == []


def test_a_payment_clears_what_was_bought_and_leaves_what_came_later(shop_b: Adopted):
    shop_b.adopt()
    shop_b.reserve("c1", "s-1", MUG=2, CUP=1)
    shop_b.code("CartItem.objects.filter(product=mug).update(quantity=3)")
    shop_b.close("c1")
    items = "list(CartItem.objects.values_list('product__sku', 'quantity'))"
    assert shop_b.code(items) == [["MUG", 1]]
    assert shop_b.code(ROWS) == []


def test_a_cart_whose_lines_were_taken_out_was_changed_just_now(shop_b: Adopted):
    shop_b.adopt()
    shop_b.sql.execute("UPDATE orders_cart SET updated_at = '2001-01-01'")
    shop_b.reserve("c1", "s-1", MUG=2)
    shop_b.close("c1")
    found = shop_b.sql.execute("SELECT max(updated_at) > '2020-01-01' FROM orders_cart").fetchone()
    assert found == (True,)


def test_a_committed_checkout_is_paid_its_row_is_gone_and_its_cart_is_cleared_once(shop_b: Adopted):
    shop_b.adopt()
    shop_b.reserve("c1", "s-1", MUG=2)
    shop_b.close("c1", "committed")
    assert shop_b.code(ROWS) == []
    assert shop_b.code("list(CartItem.objects.values_list('product__sku', flat=True))") == ["CUP"]
    assert shop_b.item("MUG") == (10, 2, 0)
    shop_b.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop_b.close("c1", "cancelled")
    assert shop_b.code("CartItem.objects.count()") == 2
    assert shop_b.breaches() == []


def test_a_row_that_the_ledger_takes_out_itself_is_none_of_the_shops_clean_up(shop_b: Adopted):
    """Paid, it goes while its units stay held; another hold ends in the same transaction."""
    shop_b.adopt()
    shop_b.reserve("c1", "s-1", MUG=2)
    shop_b.reserve("c2", "s-2", MUG=1)
    ends = [Closing("c1", "committed", "", "", "pay-c1"), Closing("c2", "cancelled")]
    assert len(states(shop_b.ledger.close(ends))) == 2
    assert (shop_b.item("MUG"), shop_b.put_back(), shop_b.breaches()) == ((10, 2, 0), [], [])


def test_open_holds_are_shown_when_adopted_and_taken_out_when_left(shop_b: Adopted):
    shop_b.adopt()
    shop_b.reserve("c1", "s-1", MUG=2)
    steps.leave(shop_b.engine, shop_b.plan)
    assert shop_b.code(ROWS) == []
    shop_b.adopt()
    assert shop_b.code(ROWS) == [["MUG", "s-1", None, 2]]
    assert shop_b.breaches() == []


def test_the_total_of_shop_b_survives_a_form_that_saves_the_whole_product(shop_b: Adopted):
    shop_b.adopt(total="ledger", reserved="ledger")
    shop_b.code("tab = Product.objects.get(sku='MUG')")
    shop_b.reserve("c1", "s-1", MUG=2)
    shop_b.close("c1")
    shop_b.code("tab.name = 'Big mug'")
    shop_b.code("tab.save()")
    assert shop_b.item("MUG") == (8, 0, 0)
    assert shop_b.put_back() == [("MUG", "total_stock", 1)]


@pytest.fixture
def shop_a(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("a")
    shop.code('Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10)')
    shop.code("Cart.create!")
    shop.code("CartItem.create!(cart: Cart.first, product: Product.first, quantity: 2)")
    shop.adopt()
    return shop


STATUS = "Cart.order(:id).pluck(:status)"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("fulfilled", "checked_out"), ("committed", "checked_out"), ("cancelled", "active")],
)
def test_a_cart_has_the_status_of_its_checkouts_outcome(
    shop_a: Adopted, outcome: ClosingStatus, status: str
):
    shop_a.reserve("cart-1-1", "1", MUG=2)
    assert shop_a.code(STATUS) == ["active"]
    shop_a.close("cart-1-1", outcome)
    assert shop_a.code(STATUS) == [status]
    assert shop_a.code("Cart.first.total_items") == 2


def test_a_cart_that_expired_is_abandoned_unless_it_was_paid_or_is_held_again(shop_a: Adopted):
    shop_a.reserve("cart-1-1", "1", MUG=2)
    shop_a.reserve("cart-1-2", "1", MUG=2)
    shop_a.expire_now("cart-1-1")
    assert shop_a.code(STATUS) == ["active"]
    shop_a.close("cart-1-2")
    assert shop_a.code(STATUS) == ["checked_out"]
    shop_a.reserve("cart-1-3", "1", MUG=1)
    shop_a.expire_now("cart-1-3")
    assert shop_a.code(STATUS) == ["checked_out"]
    shop_a.code("Cart.create!")
    shop_a.reserve("cart-2-1", "2", MUG=1)
    shop_a.expire_now("cart-2-1")
    assert shop_a.code(STATUS) == ["checked_out", "abandoned"]
    assert shop_a.code("Cart.stale.count") == 0


def test_a_cart_that_was_abandoned_and_is_paid_late_is_checked_out(shop_a: Adopted):
    shop_a.reserve("cart-1-1", "1", MUG=2)
    shop_a.expire_now("cart-1-1")
    assert shop_a.code(STATUS) == ["abandoned"]
    late = Closing("cart-1-1", "fulfilled", "", "", "pay-1", reinstating=True)
    (state,) = states([shop_a.ledger.reinstate(late)])
    assert isinstance(state.outcome, Fulfilled)
    assert shop_a.code(STATUS) == ["checked_out"]
    assert shop_a.item("MUG") == (8, 0, 0)
    assert shop_a.breaches() == []


def test_a_cart_id_that_is_none_of_the_shops_changes_no_cart(shop_a: Adopted):
    for number, cart_id in enumerate(("basket-7", "99", "9" * 18)):
        shop_a.reserve(f"c{number}", cart_id, MUG=1)
        shop_a.close(f"c{number}")
    assert shop_a.code(STATUS) == ["active"]


def test_a_cart_that_is_only_an_id_on_its_lines_is_cleared(open_adopted: OpenAdopted):
    shop = open_adopted("c")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    shop.code("Stock.objects.create(product=mug, quantity=10)")
    shop.code("CartItem.objects.create(cart_id='abc', product=mug, quantity=2)")
    shop.code("CartItem.objects.create(cart_id='xyz', product=mug, quantity=2)")
    shop.adopt()
    shop.reserve("c1", "abc", MUG=2)
    assert shop.code("str(CartItem.objects.for_cart('abc').get().total_price)") == "10.00"
    shop.close("c1")
    assert shop.code("list(CartItem.objects.values_list('cart_id', flat=True))") == ["xyz"]


def test_shop_d_sells_by_holdfasts_stock_and_its_one_cart_is_cleared_each_time(
    open_adopted: OpenAdopted,
):
    shop = open_adopted("d")
    shop.code("mug = Product.objects.create(name='Mug', price=5)")
    shop.adopt()
    shop.code("cup = Product.objects.create(name='Cup', price=4)")
    assert shop.item("product-2") == (0, 0, 0)
    shop.ledger.load_stock([StockRow("product-1", "main", 5)])
    shop.code("ann = User.objects.create(username='ann')")
    shop.code("cart = Cart.objects.get_or_create_for_user(ann)[0]")
    for number in (1, 2):
        shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
        assert shop.code("cart.total_items") == 2
        assert isinstance(shop.reserve(f"cart-1-{number}", "1", product_1=2), Held)
        shop.close(f"cart-1-{number}")
        assert shop.code("cart.total_items") == 0
    assert shop.item("product-1") == (1, 0, 0)
    shop.code("Product.objects.filter(pk=mug.pk).update(is_active=False)")
    denied = shop.reserve("c9", product_1=1)
    assert isinstance(denied, Denied)
    assert denied.shortages[0].reason == "inactive"
    assert shop.breaches() == []


def test_carts_come_after_the_locks_on_stock_and_give_way_too(shop_a: Adopted):
    shop_a.reserve("cart-1-1", "1", MUG=2)
    with shop_a.sql.transaction():
        shop_a.sql.execute("SELECT FROM carts FOR UPDATE")
        with pytest.raises(Exception, match="lock timeout"):
            shop_a.close("cart-1-1")
        shop_a.sql.execute("UPDATE products SET stock_quantity = stock_quantity + 1")
    shop_a.close("cart-1-1")
    assert shop_a.code(STATUS) == ["checked_out"]
    assert shop_a.item("MUG") == (9, 0, 0)
