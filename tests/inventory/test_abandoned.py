"""Reserves that nobody waits for any more: they hold nothing, and what was decided stands."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import ReservationConflict
from activities.inventory.ledger import Ledger
from activities.inventory.operations.reserve import ReserveBatch
from activities.inventory.records import ReservationState
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Outcome
from tests.inventory import by_hand
from tests.inventory.shop import Shop, checkout


def abandoned(shop: Shop, request: CheckoutRequest) -> Outcome:
    answer = shop.ledger.abandon(request)
    assert isinstance(answer, ReservationState)
    return answer.outcome


def test_it_holds_nothing_and_nothing_can_be_held_under_its_id(shop: Shop) -> None:
    shop.stock(MUG=5)
    for _ in range(2):
        assert abandoned(shop, checkout("c", MUG=2)).status == "unavailable"
    assert shop.reserve(checkout("c", MUG=2)).status == "expired"
    assert shop.figures("MUG") == (5, 0, 5)
    timeline = shop.ledger.timeline("c")
    assert timeline is not None
    assert timeline.events[-1].reason == "nobody waited for it any more"
    assert shop.ledger.audit() == ()


def test_what_is_on_record_stands(shop: Shop) -> None:
    shop.stock(MUG=5)
    held = shop.hold("c", MUG=2)
    assert abandoned(shop, checkout("c", MUG=2)) == held
    denied = shop.denial("d", MUG=9)
    assert abandoned(shop, checkout("d", MUG=9)) == denied
    shop.cancel("never")
    assert abandoned(shop, checkout("never", MUG=1)).status == "cancelled"
    assert shop.figures("MUG") == (5, 2, 3)


def test_another_request_under_its_id_is_a_conflict(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("c", MUG=2)
    answer = shop.ledger.abandon(checkout("c", MUG=3))
    assert isinstance(answer, ReservationConflict)
    assert answer.differs == ("lines",)


def test_a_reserve_that_is_under_way_stands(shop: Shop) -> None:
    shop.stock(MUG=5)
    with ThreadPoolExecutor(1) as threads, shop.engine.connect() as other, other.begin():
        by_hand.decide(other, ReserveBatch.of([checkout("c", MUG=2)]))
        waiting = threads.submit(abandoned, shop, checkout("c", MUG=2))
        assert not waiting.done()
        other.commit()
        assert waiting.result().status == "held"
    assert shop.figures("MUG") == (5, 2, 3)


def test_after_a_restore_it_takes_over_what_it_names_as_it_did_before(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.hold("old", MUG=4)
    wanted = checkout("c", MUG=3).model_copy(update={"supersedes": "old", "customer_id": "u-1"})
    shop.sql("UPDATE holdfast.reservations SET customer_id = 'u-1'")
    with done_again(shop) as ledger:
        answer = ledger.abandon(wanted)
    assert isinstance(answer, ReservationState)
    assert answer.outcome.status == "held"
    assert (shop.status("old"), shop.figures("MUG")) == ("cancelled", (5, 3, 2))
    assert shop.ledger.audit() == ()


@contextmanager
def done_again(shop: Shop) -> Iterator[Ledger]:
    """Set what a restore sets for a day, and open the ledger anew."""
    (row,) = shop.sql("SELECT quote_ident(current_database()) AS name")
    shop.sql(f"ALTER DATABASE {row.name} SET holdfast.replays_until = 'infinity'")
    engine = open_engine(shop.engine.url.render_as_string(hide_password=False), connections_max=1)
    try:
        yield Ledger(engine)
    finally:
        engine.dispose()
        shop.sql(f"ALTER DATABASE {row.name} RESET holdfast.replays_until")
