"""Many buyers at once on real connections: nothing oversold, nobody deadlocked, no unit lost.

The positive controls take one protection out and run the same scenario, which then has to fail.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.operations.reserve import ReserveBatch
from activities.inventory.records import Closing
from holdfast_client.contract.messages import CheckoutRequest, Line
from tests.inventory import by_hand
from tests.inventory.crowd import all_at_once, waiting_behind
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Figures, Shop, checkout, hold_until

SKUS = [f"SKU{number:02}" for number in range(20)]
# A scenario that relies on chance is played so often before it counts as never going wrong.
ROUNDS_MAX = 20

crowds = pytest.mark.parametrize("buyers", [2, 10, 50])


def _reserve_all(shop: Shop, requests: Sequence[CheckoutRequest]) -> list[str]:
    outcomes = all_at_once([partial(shop.reserve, request) for request in requests])
    return [outcome.status for outcome in outcomes]


@crowds
def test_buyers_of_one_sku_get_exactly_what_there_is(shop: Shop, buyers: int) -> None:
    units = buyers // 2
    shop.stock(MUG=units)
    statuses = _reserve_all(shop, [checkout(f"c{n}", MUG=1) for n in range(buyers)])
    assert (statuses.count("held"), statuses.count("denied")) == (units, buyers - units)
    assert shop.figures("MUG") == Figures(total=units, reserved=units, available=0)
    assert shop.ledger.audit() == ()


@crowds
def test_the_same_checkout_from_many_connections_is_held_once(shop: Shop, buyers: int) -> None:
    shop.stock(MUG=buyers * 2)
    assert _reserve_all(shop, [checkout("c1", MUG=2)] * buyers) == ["held"] * buyers
    assert shop.movements("c1") == [("reserve", 0, 2)]


@crowds
def test_one_hold_ended_by_many_at_once_ends_once(shop: Shop, buyers: int) -> None:
    shop.stock(MUG=5)
    shop.hold("c1", MUG=2)
    shop.pass_seconds(900)
    ways: list[Callable[[str], object]] = [shop.fulfil, shop.cancel, shop.expire]
    outcomes = all_at_once([partial(ways[n % 3], "c1") for n in range(buyers)])
    assert len(set(map(repr, outcomes))) == 1
    assert len(shop.movements("c1")) == 2


def _cart(chance: random.Random, checkout_id: str) -> CheckoutRequest:
    skus = chance.sample(SKUS, chance.randint(1, len(SKUS)))
    lines = tuple(Line(sku=sku, quantity=chance.randint(1, 3)) for sku in skus)
    return CheckoutRequest(checkout_id=checkout_id, lines=lines, hold_seconds=60)


def _fill_shelves(shop: Shop, units: int) -> None:
    # In an order of ids that is not that of names, so that sorting by name would show.
    for sku in random.Random(7).sample(SKUS, len(SKUS)):
        shop.stock(**{sku: units})


def _units_told_for(shop: Shop, requests: Sequence[CheckoutRequest]) -> dict[str, int]:
    """Add up what the buyers were told that they hold, from the answers and not from the tables."""
    told = dict.fromkeys(SKUS, 0)
    for request in requests:
        outcome = shop.reserve(request)
        for line in request.lines if outcome.status == "held" else ():
            told[line.sku] += line.quantity
    return told


@crowds
def test_carts_that_overlap_in_any_order_neither_deadlock_nor_oversell(
    shop: Shop, buyers: int
) -> None:
    _fill_shelves(shop, units=buyers)
    chance = random.Random(buyers)
    requests = [_cart(chance, f"c{number}") for number in range(buyers * 3)]

    def buy(own: Sequence[CheckoutRequest]) -> None:
        for request in own:
            shop.reserve(request)

    all_at_once([partial(buy, requests[number::buyers]) for number in range(buyers)])
    told = _units_told_for(shop, requests)
    assert told == {sku: shop.figures(sku).reserved for sku in SKUS}
    assert all(units <= buyers for units in told.values())
    assert shop.ledger.audit() == ()


@crowds
def test_batches_that_overlap_in_any_order_neither_deadlock_nor_oversell(
    shop: Shop, buyers: int
) -> None:
    _fill_shelves(shop, units=buyers * 2)
    chance = random.Random(buyers)
    requests = [_cart(chance, f"c{number}") for number in range(buyers * 2)]
    # Each batch asks for checkouts that others ask for too, in an order of its own.
    batches = [chance.sample(requests, min(len(requests), 12)) for _ in range(buyers)]
    all_at_once([partial(shop.ledger.reserve, batch) for batch in batches])
    asked = {request.checkout_id: request for batch in batches for request in batch}
    told = _units_told_for(shop, list(asked.values()))
    assert told == {sku: shop.figures(sku).reserved for sku in SKUS}
    assert shop.ledger.audit() == ()


def _anything(shop: Shop, chance: random.Random, worker: int, number: int) -> None:
    """Do one thing of any kind to one of the few checkouts that everybody is busy with."""
    ids = [f"c{n}" for n in chance.sample(range(60), 4)]
    match chance.randrange(8):
        case 0 | 1:
            shop.ledger.reserve([_cart(random.Random(id), id) for id in ids])
        case 2:
            shop.ledger.close([Closing(id, "cancelled") for id in ids[:2]])
        case 3:
            shop.ledger.close(
                [
                    # Some name a payment of others.
                    Closing(id, "fulfilled", payment_reference=f"pay-{chance.choice(ids[:3])}")
                    for id in ids[:2]
                ]
            )
        case 4:
            shop.ledger.close([Closing(id, "expired") for id in ids])
        case 5:
            shop.ledger.extend([hold_until(id, shop.after(90)) for id in ids])
        case 6:
            shop.ledger.expire_overdue(0, batch_size_max=5)
        case 7:
            quantity = chance.choice([-3, -1, 2, 5])
            shop.adjust(f"a{worker}-{number}", "adjust", chance.choice(SKUS), quantity)


@crowds
def test_everything_at_once_leaves_the_figures_exact(shop: Shop, buyers: int) -> None:
    _fill_shelves(shop, units=30)

    def live(worker: int) -> None:
        chance = random.Random(worker)
        for number in range(max(8, 200 // buyers)):
            if worker == 0:
                # Deadlines pass while the others are busy.
                shop.pass_seconds(20)
            _anything(shop, chance, worker, number)

    all_at_once([partial(live, worker) for worker in range(buyers)])
    assert shop.ledger.audit() == ()


@crowds
def test_an_audit_in_the_middle_of_it_all_finds_nothing(shop: Shop, buyers: int) -> None:
    shop.stock(MUG=buyers, CUP=buyers)

    def buy_and_pay(number: int) -> tuple[object, ...]:
        shop.reserve(checkout(f"c{number}", MUG=1, CUP=1))
        breaches = shop.ledger.audit()
        shop.fulfil(f"c{number}")
        return breaches + shop.ledger.audit()

    assert all_at_once([partial(buy_and_pay, n) for n in range(buyers)]) == [()] * buyers
    assert shop.figures("MUG") == Figures(total=0, reserved=0, available=0)


def test_loads_and_deliveries_at_once_neither_deadlock_nor_lose_a_unit(shop: Shop) -> None:
    def deliver(number: int) -> None:
        for sku in random.Random(number).sample(SKUS, len(SKUS)):
            shop.adjust(f"a{number}-{sku}", "receive", sku, 1)

    def load(number: int) -> None:
        shop.stock(**dict.fromkeys(random.Random(number).sample(SKUS, len(SKUS)), 100))

    all_at_once([partial(deliver if n % 2 else load, n) for n in range(10)])
    assert shop.ledger.audit() == ()
    assert all(100 <= shop.figures(sku).total <= 105 for sku in SKUS)


# --- positive controls ---------------------------------------------------------------------------


def _leave_stock_unlocked(shop: Shop) -> None:
    """Take the lock out of both places, the one writer and what reads stock for a decision."""
    rewrite_function(shop.engine, "post_movements", "FOR NO KEY UPDATE OF s")
    rewrite_function(shop.engine, "lock_stock", "FOR NO KEY UPDATE")


@pytest.fixture
def unlocked_shop(fragile_shop: Shop) -> Shop:
    """A shop that reads stock without locking it, and whose database would not mind."""
    _leave_stock_unlocked(fragile_shop)
    fragile_shop.sql(
        "ALTER TABLE holdfast.stock_items DROP CONSTRAINT stock_items_reserved_within_total"
    )
    return fragile_shop


# Beside a request that has to be denied it is decided who gets what.
@pytest.mark.parametrize("beside", [[], [checkout("c0", NO_SUCH=1)]], ids=["alone", "decided"])
def test_without_the_lock_two_buyers_get_the_same_last_unit(
    unlocked_shop: Shop, beside: list[CheckoutRequest]
) -> None:
    shop = unlocked_shop
    shop.stock(MUG=1)
    with shop.engine.connect() as first:
        by_hand.reserve_what_fits(first, ReserveBatch.of([checkout("c1", MUG=1)]))
        second = partial(shop.ledger.reserve, [*beside, checkout("c2", MUG=1)])
        with waiting_behind(shop.engine, first, second) as (answer,):
            pass
    assert shop.status("c2") == "held"
    answer.result()
    assert shop.figures("MUG") == Figures(total=1, reserved=2, available=-1)
    assert [breach.invariant for breach in shop.ledger.audit()] == ["I1"]


def test_without_the_lock_the_crowd_oversells_and_the_audit_reports_it(
    unlocked_shop: Shop,
) -> None:
    shop = unlocked_shop
    for number in range(ROUNDS_MAX):
        sku = f"SKU{number}"
        shop.stock(**{sku: 5})
        _reserve_all(shop, [checkout(f"c{number}-{n}", **{sku: 1}) for n in range(10)])
        if shop.figures(sku).available < 0:
            break
    assert shop.figures(sku).reserved > 5
    assert {breach.invariant for breach in shop.ledger.audit()} == {"I1"}


def test_without_the_lock_the_constraint_still_refuses_to_oversell(
    fragile_shop: Shop,
) -> None:
    shop = fragile_shop
    _leave_stock_unlocked(shop)
    shop.stock(MUG=1)
    with shop.engine.connect() as first:
        by_hand.reserve_what_fits(first, ReserveBatch.of([checkout("c1", MUG=1)]))
        second = partial(shop.ledger.reserve, [checkout("c2", MUG=1)])
        with waiting_behind(shop.engine, first, second) as (answer,):
            pass
    assert "more reserved than it has" in str(answer.exception())
    assert shop.figures("MUG") == Figures(total=1, reserved=1, available=0)


def test_without_the_order_of_locks_the_crowd_deadlocks(fragile_shop: Shop) -> None:
    shop = fragile_shop
    shop.sql(f"ALTER DATABASE {shop.engine.url.database} SET deadlock_timeout = '10ms'")
    shop.engine.dispose()  # New sessions take the setting up.
    _fill_shelves(shop, units=10_000)
    rewrite_function(shop.engine, "post_movements", "ORDER BY s.id", "ORDER BY random()")

    def buy_the_whole_range() -> None:
        for number in range(ROUNDS_MAX):
            _reserve_all(
                shop,
                [checkout(f"c{number}-{n}", **dict.fromkeys(SKUS, 1)) for n in range(10)],
            )

    with pytest.raises(LedgerUnavailable, match="deadlock"):
        buy_the_whole_range()
