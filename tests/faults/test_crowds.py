"""Fifty clients with carts of up to 300 lines over the same SKUs, and everything else in between.

Nobody deadlocks, because everybody locks in one order. That is watched in the server's own tables
while the crowd is at it, and shown to the line for a cart of 300.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import pytest
from sqlalchemy import Engine, text

from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing
from holdfast_client.contract.messages import CheckoutRequest, Line, StockAdjustment
from tests.inventory.crowd import all_at_once, waiting_behind
from tests.inventory.functions import rewrite_function
from tests.inventory.shop import Shop, hold_until, open_shop

CLIENTS: Final = 50
CARTS_EACH: Final = 3
SKUS: Final = 300
STOCK: Final = 200
_LOOK_SECONDS: Final = 0.02
# The server answers for one session after the other, so a single look can put together waits that
# were never at the same time. A real circle stands still until the server breaks it, after 1 s.
LOOKS_THAT_AGREE: Final = 10
ROUNDS_MAX: Final = 10


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """Three hundred SKUs, whose ids are in no order of names."""
    engine = open_engine(
        database_url,
        connections_max=CLIENTS + 4,
        lock_timeout_ms=60_000,
        statement_timeout_ms=90_000,
    )
    shop = open_shop(engine, Ledger(engine))
    for names in _shuffled(7, 30):
        shop.stock(**dict.fromkeys(names, STOCK))
    yield shop
    engine.dispose()


def _shuffled(seed: int, size: int) -> Iterator[list[str]]:
    skus = [f"SKU{number:03}" for number in range(SKUS)]
    random.Random(seed).shuffle(skus)
    for start in range(0, SKUS, size):
        yield skus[start : start + size]


def _cart(chance: random.Random, checkout_id: str, lines: int) -> CheckoutRequest:
    skus = chance.sample(range(SKUS), lines)
    return CheckoutRequest(
        checkout_id=checkout_id,
        lines=tuple(Line(sku=f"SKU{sku:03}", quantity=chance.randint(1, 3)) for sku in skus),
        hold_seconds=900,
    )


def _shop_around(shop: Shop, client: int) -> None:
    """Reserve large carts and do all else that can be done, to own checkouts and to others'."""
    chance = random.Random(client)
    for number in range(CARTS_EACH):
        own = f"c{client}-{number}"
        shop.ledger.reserve([_cart(chance, own, chance.randint(1, SKUS))])
        if chance.random() < 0.5:
            shop.ledger.extend([hold_until(own, shop.after(1_200))])
        count = StockAdjustment(
            adjustment_id=own,
            kind="count",
            sku=f"SKU{chance.randrange(SKUS):03}",
            quantity=chance.randint(STOCK, STOCK * 2),
        )
        shop.ledger.adjust(count)
        others = f"c{chance.randrange(CLIENTS)}-{chance.randrange(CARTS_EACH)}"
        shop.ledger.close([Closing(others, "cancelled")])
        if chance.random() < 0.5:
            shop.ledger.close([Closing(own, "fulfilled", payment_reference=f"pay-{own}")])


# --- the server's tables -------------------------------------------------------------------------

_WAITS = text("""
SELECT pid, unnest(pg_blocking_pids(pid)) AS blocker, wait_event_type
  FROM pg_stat_activity
 WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
""")
_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


# Who waits, and for whom, by process id.
Wait = tuple[int, int]


class Watcher:
    """Looks who waits for whom, again and again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._done = threading.Event()
        self.most_waiting = 0
        self.cycles = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def _watch(self) -> None:
        looks: deque[set[Wait]] = deque(maxlen=LOOKS_THAT_AGREE)
        while not self._done.wait(_LOOK_SECONDS):
            with self._engine.connect() as connection:
                rows = connection.execute(_WAITS).all()
            looks.append({(row.pid, row.blocker) for row in rows})
            self.most_waiting = max(self.most_waiting, len({row.pid for row in rows}))
            if len(looks) == LOOKS_THAT_AGREE:
                self.cycles += has_cycle(set.intersection(*looks))


def has_cycle(waits: set[Wait]) -> bool:
    """Say whether somebody waits, over however many others, for himself."""
    left: dict[int, set[int]] = {}
    for waiter, blocker in waits:
        left.setdefault(waiter, set()).add(blocker)
    while True:
        free = [waiter for waiter, blockers in left.items() if not blockers & left.keys()]
        if not free:
            return bool(left)
        for waiter in free:
            del left[waiter]


@pytest.mark.parametrize(
    ("waits", "cycle"),
    [
        (set(), False),
        ({(1, 2), (2, 3)}, False),
        ({(1, 2), (1, 3), (2, 3)}, False),
        ({(1, 2), (2, 1)}, True),
        ({(1, 2), (2, 3), (3, 1), (4, 1)}, True),
    ],
)
def test_a_circle_of_waits_is_told_from_a_queue(waits: set[Wait], cycle: bool) -> None:
    assert has_cycle(waits) == cycle


def _deadlocks(shop: Shop) -> int:
    with shop.engine.connect() as connection:
        return int(connection.execute(_DEADLOCKS).scalar_one())


def test_large_carts_in_any_order_with_all_else_in_between_never_wait_in_a_circle(
    shop: Shop,
) -> None:
    watcher = Watcher(shop.engine)
    with watcher.watching():
        all_at_once([partial(_shop_around, shop, client) for client in range(CLIENTS)])
    assert watcher.most_waiting > 1
    assert watcher.cycles == 0
    assert _deadlocks(shop) == 0
    assert shop.ledger.audit() == ()


def test_without_the_order_of_locks_the_same_crowd_deadlocks(shop: Shop) -> None:
    """The positive control: else the test above would prove nothing."""
    # So that a circle stands still for all the looks, and they take their time on a busy machine.
    shop.sql(f"ALTER DATABASE {shop.engine.url.database} SET deadlock_timeout = '5s'")
    shop.engine.dispose()  # New sessions take the setting up.
    rewrite_function(shop.engine, "post_movements", "ORDER BY s.id", "ORDER BY random()")

    def buy(number: int, client: int) -> None:
        chance = random.Random(client)
        shop.ledger.reserve([_cart(chance, f"d{number}-{client}", SKUS)])

    def buy_the_whole_range() -> None:
        for number in range(ROUNDS_MAX):
            all_at_once([partial(buy, number, client) for client in range(10)])

    watcher = Watcher(shop.engine)
    with watcher.watching(), pytest.raises(LedgerUnavailable, match="deadlock"):
        buy_the_whole_range()
    assert watcher.cycles > 0


# --- one cart, line by line ----------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 149, 299])
def test_a_cart_of_300_lines_locks_its_stock_in_the_order_of_ids(shop: Shop, place: int) -> None:
    """A stranger has the lock in one place: all before it are taken then, all behind it free."""
    ids = [row.id for row in shop.sql("SELECT id FROM holdfast.stock_items ORDER BY id")]
    request = _cart(random.Random(place), f"big-{place}", SKUS)
    with shop.engine.connect() as stranger:
        stranger.execute(
            text("SELECT 1 FROM holdfast.stock_items WHERE id = :id FOR NO KEY UPDATE"),
            {"id": ids[place]},
        )
        cart = partial(shop.ledger.reserve, [request])
        with waiting_behind(shop.engine, stranger, cart) as (answer,):
            free = shop.sql("SELECT id FROM holdfast.stock_items FOR NO KEY UPDATE SKIP LOCKED")
            assert {row.id for row in free} == set(ids[place + 1 :])
    answer.result()
