"""A checkout that leaves its lines to a cart of the shop's, which is read once, as it holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from activities.inventory.adoption import steps
from activities.inventory.database.errors import RequestRefused, ReservationConflict
from activities.inventory.operations.reserve import ReserveAnswer
from activities.inventory.records import ReservationState
from holdfast_client.contract.holds import HoldsRequest
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Cancelled, Denied, Held, Unavailable
from tests.adoption.adopted import Adopted, without_budget
from tests.adoption.conftest import OpenAdopted
from tests.limits import HANG_SECONDS


@pytest.fixture
def shop_a(open_adopted: OpenAdopted) -> Adopted:
    """Shop A with ten mugs and five cups, and a cart of two mugs and a cup, adopted."""
    shop = open_adopted("a")
    shop.code('mug = Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10)')
    shop.code('cup = Product.create!(sku: "CUP", name: "Cup", stock_quantity: 5)')
    shop.code("cart = Cart.create!")
    shop.code("CartItem.create!(cart: cart, product: mug, quantity: 2)")
    shop.code("CartItem.create!(cart: cart, product: cup, quantity: 1)")
    shop.adopt()
    return shop


def request(checkout_id: str, cart_id: str = "1", **fields: object) -> CheckoutRequest:
    return CheckoutRequest.model_validate(
        {"checkout_id": checkout_id, "cart_id": cart_id, "from_cart": True, **fields}
    )


def reserve(shop: Adopted, checkout_id: str, cart_id: str = "1") -> ReserveAnswer:
    (answer,) = shop.ledger.reserve([request(checkout_id, cart_id)])
    return answer


def held(answer: ReserveAnswer) -> dict[str, int]:
    assert isinstance(answer, ReservationState)
    assert isinstance(answer.outcome, Held)
    return {line.sku: line.quantity for line in answer.outcome.lines}


def refusal(answer: ReserveAnswer) -> str:
    assert isinstance(answer, RequestRefused), answer
    assert answer.field == "cart_id"
    return answer.problem


def test_what_is_in_the_cart_is_held(shop_a: Adopted):
    assert held(reserve(shop_a, "cart-1-1")) == {"CUP": 1, "MUG": 2}
    assert shop_a.item("MUG") == (10, 2, 0)
    shop_a.close("cart-1-1")
    assert shop_a.code("Cart.pluck(:status)") == ["checked_out"]
    assert shop_a.item("MUG") == (8, 0, 0)
    assert shop_a.breaches() == []


def test_asked_again_it_is_answered_from_the_record_whatever_is_in_the_cart(shop_a: Adopted):
    first = held(reserve(shop_a, "cart-1-1"))
    shop_a.code("CartItem.update_all(quantity: 3)")
    assert held(reserve(shop_a, "cart-1-1")) == first
    shop_a.code("CartItem.delete_all")
    assert held(reserve(shop_a, "cart-1-1")) == first
    other = reserve(shop_a, "cart-1-1", "2")
    assert isinstance(other, ReservationConflict)
    assert other.differs == ("cart_id",)


def test_a_cart_that_is_not_there_or_empty_spends_the_id(shop_a: Adopted):
    assert refusal(reserve(shop_a, "c1", "99")) == "there is no cart 99"
    assert refusal(reserve(shop_a, "c2", "basket")) == "there is no cart basket"
    shop_a.code("Cart.create!")
    assert refusal(reserve(shop_a, "c3", "2")) == "cart 2 is empty"
    shop_a.code("CartItem.create!(cart_id: 2, product: mug, quantity: 1)")
    assert refusal(reserve(shop_a, "c3", "2")) == "cart 2 is empty"
    assert held(reserve(shop_a, "c4", "2")) == {"MUG": 1}
    timeline = shop_a.ledger.timeline("c3")
    assert timeline
    assert [(each.event, each.reason) for each in timeline.events] == [
        ("denied", "cart 2 is empty")
    ]
    assert shop_a.breaches() == []


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
def test_a_quantity_that_no_line_can_have_is_named(shop_a: Adopted, quantity: int):
    shop_a.sql.execute("UPDATE cart_items SET quantity = %s WHERE product_id = 1", [quantity])
    assert refusal(reserve(shop_a, "c1")) == (
        f"cart 1 has {quantity} of MUG, and a quantity is 1 to 1,000,000"
    )
    assert shop_a.item("CUP") == (5, 0, 0)


def test_rows_of_one_product_are_summed_and_what_is_short_is_denied(shop_a: Adopted):
    shop_a.sql.execute(
        "INSERT INTO cart_items (cart_id, product_id, quantity, created_at, updated_at) "
        "VALUES (1, 1, 9, now(), now())"
    )
    answer = reserve(shop_a, "c1")
    assert isinstance(answer, ReservationState)
    assert isinstance(answer.outcome, Denied)
    (short,) = answer.outcome.shortages
    assert (short.sku, short.requested, short.available) == ("MUG", 11, 10)
    assert answer == reserve(shop_a, "c1")


def test_a_cart_has_at_most_as_many_lines_as_a_request(shop_a: Adopted):
    shop_a.sql.execute(
        "WITH made AS (INSERT INTO products (name, sku, stock_quantity, created_at, updated_at) "
        "SELECT 'P', 'P-' || i, 1, now(), now() FROM generate_series(1, 999) AS i RETURNING id) "
        "INSERT INTO cart_items (cart_id, product_id, quantity, created_at, updated_at) "
        "SELECT 1, id, 1, now(), now() FROM made"
    )
    without_budget(shop_a)  # on an idle machine they take half of it
    assert refusal(reserve(shop_a, "c1")) == "cart 1 has more than 1,000 lines"
    shop_a.code("CartItem.where(product: cup).delete_all")
    assert len(held(reserve(shop_a, "c2"))) == 1_000


def test_a_product_without_a_stock_item_is_denied_by_its_sku(open_adopted: OpenAdopted):
    shop = open_adopted("c")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", price=5)')
    shop.code("CartItem.objects.create(cart_id='abc', product=mug, quantity=2)")
    shop.adopt()
    answer = reserve(shop, "c1", "abc")
    assert isinstance(answer, ReservationState)
    assert isinstance(answer.outcome, Denied)
    assert [(s.sku, s.reason) for s in answer.outcome.shortages] == [("MUG", "unknown_sku")]
    shop.code("Stock.objects.create(product=mug, quantity=10)")
    assert held(reserve(shop, "c2", "abc")) == {"MUG": 2}
    assert refusal(reserve(shop, "c3", "xyz")) == "cart xyz is empty"


def test_a_product_without_a_sku_that_can_be_held_is_named(shop_a: Adopted):
    shop_a.sql.execute(f"UPDATE products SET sku = '{'X' * 101}' WHERE id = 2")
    shop_a.owner("DELETE FROM holdfast.adopted_rows WHERE key = 2")
    assert refusal(reserve(shop_a, "c1")) == "product 2 in cart 1 has no SKU that can be held"


def test_carts_of_sessions_and_users_are_found_by_the_plans_key(open_adopted: OpenAdopted):
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('ann = User.objects.create(username="ann")')
    shop.code('cart = Cart.objects.create(session_key="s-1", user=ann)')
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop.adopt()
    assert held(reserve(shop, "s-1-1", "s-1")) == {"MUG": 2}
    assert shop.code("StockReservation.objects.for_session('s-1').count()") == 1
    assert refusal(reserve(shop, "s-2-1", "s-2")) == "there is no cart s-2"


@pytest.fixture
def shop_b(open_adopted: OpenAdopted) -> Adopted:
    """Shop B with ten mugs, adopted, and two carts of Ann's and one of nobody's, a mug in each."""
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))')
    shop.code(
        'for key, buyer in (("s-1", ann), ("s-2", ann), ("s-3", None)):\n'
        "    made = Cart.objects.create(session_key=key, user=buyer)\n"
        "    CartItem.objects.create(cart=made, product=mug, quantity=1)\n"
    )
    shop.adopt()
    return shop


def customer(shop: Adopted, checkout_id: str) -> str | None:
    timeline = shop.ledger.timeline(checkout_id)
    assert timeline
    return timeline.customer_id


def test_a_checkout_of_a_cart_is_of_the_carts_customer(shop_b: Adopted):
    ann = str(shop_b.code("ann.id"))
    assert held(reserve(shop_b, "k1", "s-1")) == {"MUG": 1}
    assert shop_b.code("StockReservation.objects.for_user(ann).count()") == 1
    assert [
        hold.customer_id for hold in shop_b.ledger.holds(HoldsRequest(customer_id=ann)).holds
    ] == [ann]
    assert customer(shop_b, "k1") == ann
    # What was asked for is the same, whoever has the cart now.
    shop_b.code('Cart.objects.filter(session_key="s-1").update(user=bob)')
    assert held(reserve(shop_b, "k1", "s-1")) == {"MUG": 1}
    assert customer(shop_b, "k1") == ann
    assert held(reserve(shop_b, "k3", "s-3")) == {"MUG": 1}
    assert customer(shop_b, "k3") is None


def test_a_customer_whom_the_request_names_goes_before_the_carts(shop_b: Adopted):
    bob = str(shop_b.code("bob.id"))
    shop_b.ledger.reserve([request("k1", "s-1", customer_id=bob)])
    assert customer(shop_b, "k1") == bob
    assert shop_b.code("StockReservation.objects.for_user(bob).count()") == 1


def test_two_carts_of_one_customer_may_take_over_from_each_other(shop_b: Adopted):
    reserve(shop_b, "k1", "s-1")
    taken_over = shop_b.ledger.reserve_alone(request("k2", "s-2", supersedes="k1"))
    assert held(taken_over) == {"MUG": 1}
    assert isinstance(shop_b.ledger.reservations(["k1"])["k1"].outcome, Cancelled)
    assert shop_b.item("MUG") == (10, 1, 0)
    strange = shop_b.ledger.reserve_alone(request("k3", "s-3", supersedes="k2"))
    assert isinstance(strange, ReservationConflict)


def test_where_nothing_is_adopted_the_refusal_says_what_to_do(open_adopted: OpenAdopted):
    shop = open_adopted("a")
    words = "no carts are adopted: name the lines, or apply a plan that has items of carts"
    assert refusal(reserve(shop, "c1")) == words
    shop.adopt()
    steps.leave(shop.engine, shop.plan)
    assert refusal(reserve(shop, "c2")) == words


def test_in_one_batch_each_is_answered_for_itself(shop_a: Adopted):
    plain = CheckoutRequest.model_validate(
        {"checkout_id": "c1", "lines": [{"sku": "MUG", "quantity": 3}]}
    )
    answers = shop_a.ledger.reserve([plain, request("c2"), request("c3", "99")])
    assert held(answers[0]) == {"MUG": 3}
    assert held(answers[1]) == {"CUP": 1, "MUG": 2}
    assert refusal(answers[2]) == "there is no cart 99"


def test_a_cart_takes_over_the_units_of_the_checkout_before_it(shop_a: Adopted):
    assert held(reserve(shop_a, "cart-1-1")) == {"CUP": 1, "MUG": 2}
    shop_a.code("CartItem.where(product: mug).update_all(quantity: 10)")
    ledger = shop_a.ledger
    for _ in range(2):
        taken_over = ledger.reserve_alone(request("cart-1-2", supersedes="cart-1-1"))
        assert held(taken_over) == {"CUP": 1, "MUG": 10}
    assert isinstance(shop_a.ledger.reservations(["cart-1-1"])["cart-1-1"].outcome, Cancelled)
    shop_a.code("CartItem.delete_all")
    refused = ledger.reserve_alone(request("cart-1-3", supersedes="cart-1-2"))
    assert refusal(refused) == "cart 1 is empty"
    assert (
        refusal(ledger.reserve_alone(request("cart-1-3", supersedes="cart-1-2")))
        == "cart 1 is empty"
    )
    assert shop_a.item("MUG") == (10, 10, 0)


def test_a_cart_that_nobody_waits_for_any_more_is_not_read(shop_a: Adopted):
    answer = shop_a.ledger.abandon(request("cart-1-1"))
    assert isinstance(answer, ReservationState)
    assert isinstance(answer.outcome, Unavailable)
    assert shop_a.item("MUG") == (10, 0, 0)
    assert refusal(reserve(shop_a, "c2", "99")) == refusal(
        shop_a.ledger.abandon(request("c2", "99"))
    )


def test_the_cart_is_not_locked_and_nobodys_lock_on_it_is_waited_for(shop_a: Adopted):
    with shop_a.sql.transaction():
        shop_a.sql.execute("SELECT FROM carts FOR UPDATE")
        shop_a.sql.execute("UPDATE cart_items SET quantity = 9")
        with ThreadPoolExecutor() as threads:
            answer = threads.submit(reserve, shop_a, "c1").result(timeout=HANG_SECONDS)
    assert held(answer) == {"CUP": 1, "MUG": 2}
