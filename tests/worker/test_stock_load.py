"""A large load goes on beside shoppers, and may be done again after whatever stopped it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

import psycopg
import pytest

from activities.inventory.database.errors import LedgerUnavailable, StockLoadRefused
from activities.inventory.ledger import Ledger
from activities.inventory.records import Closing, ReservationState, StockLoad, StockRow
from holdfast_client.contract.messages import CheckoutRequest, Line
from worker import stock_load
from worker.stock_load import BATCH_ROWS, LoadResult, StockFileLoad

ROWS = [StockRow(f"SKU-{number:04}", "main", 10) for number in range(5 * BATCH_ROWS)]
FIRST, LAST = ROWS[0].sku, ROWS[-1].sku


class Listener:
    """Notes what it is told, and does something once when so many rows are set."""

    def __init__(self, what: str = "", at: int = 0, act: Callable[[], object] = dict) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.waited_for: list[str] = []
        self._moment = (what, at)
        self._act = act

    def progress(self, what: str, done: int, rows: int) -> None:
        self.told.append((what, done, rows))
        if (what, done) == self._moment:
            self._act()

    def waiting(self, reason: str) -> None:
        self.waited_for.append(reason)


class Interrupted(Exception):
    pass


def _interrupt() -> None:
    raise Interrupted


def _hold(ledger: Ledger, checkout_id: str, sku: str, quantity: int) -> None:
    request = CheckoutRequest(checkout_id=checkout_id, lines=(Line(sku=sku, quantity=quantity),))
    (answer,) = ledger.reserve([request])
    assert isinstance(answer, ReservationState)
    assert answer.outcome.status == "held"


def _sell(ledger: Ledger, checkout_id: str, sku: str, quantity: int) -> None:
    _hold(ledger, checkout_id, sku, quantity)
    ledger.close([Closing(checkout_id, "fulfilled", payment_reference=f"pay-{checkout_id}")])


def _load(
    ledger: Ledger, as_of: datetime, rows: list[StockRow] = ROWS, listener: Listener | None = None
) -> LoadResult:
    loading = StockFileLoad(ledger, as_of, listener or Listener())
    loading.set_beside_shoppers(loading.look(rows))
    return loading.result


def _totals(ledger: Ledger, *skus: str) -> list[int]:
    return [item.total for item in ledger.availability(skus)]


def test_a_load_is_many_small_transactions(ledger: Ledger, own_database_url: str):
    listener = Listener()
    result = _load(ledger, ledger.clock(), listener=listener)
    assert (result.done, result.created, result.changed) == (len(ROWS), len(ROWS), 0)
    assert listener.told[0] == ("compared", len(ROWS), len(ROWS))
    assert [done for _, done, _ in listener.told[1:]] == [100, 200, 300, 400, 500]
    with psycopg.connect(own_database_url) as link:
        # A row knows the transaction that wrote it.
        sizes = link.execute(
            "SELECT count(*) FROM holdfast.stock_movements GROUP BY xmin::text"
        ).fetchall()
    assert [size for (size,) in sizes] == [BATCH_ROWS] * 5
    assert ledger.audit() == ()


def test_a_load_rests_after_each_batch_for_as_long_as_it_took(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    """At least half of the time is the shoppers'."""
    rests: list[float] = []
    took: list[float] = []
    load = ledger.load_stock

    def timed(rows: list[StockRow], as_of: datetime) -> StockLoad:
        began = time.monotonic()
        loaded = load(rows, as_of)
        took.append(time.monotonic() - began)
        return loaded

    monkeypatch.setattr(ledger, "load_stock", timed)
    monkeypatch.setattr("worker.stock_load.time.sleep", rests.append)
    _load(ledger, ledger.clock())
    assert len(rests) == len(took) - 1 == len(ROWS) / BATCH_ROWS - 1
    assert all(rest >= of_batch for rest, of_batch in zip(rests, took[:-1], strict=True))


def test_a_second_run_finds_nothing_to_set(ledger: Ledger):
    as_of = ledger.clock()
    _load(ledger, as_of)
    assert _load(ledger, as_of) == LoadResult()


def test_what_is_sold_while_a_load_goes_on_stays_sold(ledger: Ledger):
    """Of the first row after it was set, of the last one before."""
    _load(ledger, ledger.clock())

    def sell() -> None:
        _sell(ledger, "c1", FIRST, 2)
        _sell(ledger, "c2", LAST, 3)

    more = [StockRow(row.sku, row.location, 20) for row in ROWS]
    result = _load(ledger, ledger.clock(), more, Listener("set", 200, sell))
    assert result.changed == len(ROWS)
    assert _totals(ledger, FIRST, LAST) == [18, 17]
    assert ledger.audit() == ()


def test_an_interrupted_load_goes_on_where_it_was_and_undoes_no_sale(ledger: Ledger):
    as_of = ledger.clock()
    loading = StockFileLoad(ledger, as_of, Listener("set", 200, _interrupt))
    with pytest.raises(Interrupted):
        loading.set_beside_shoppers(loading.look(ROWS))
    assert loading.result.done == 200
    _sell(ledger, "c1", FIRST, 2)
    assert _load(ledger, as_of).created == 300
    assert _totals(ledger, FIRST, LAST) == [8, 10]
    assert ledger.audit() == ()


def test_a_row_that_buyers_overtook_is_left_out_and_named_and_the_others_are_set(ledger: Ledger):
    _load(ledger, ledger.clock())
    fewer = [StockRow(row.sku, row.location, 3) for row in ROWS]
    listener = Listener("set", 200, lambda: _hold(ledger, "c1", LAST, 4))
    result = _load(ledger, ledger.clock(), fewer, listener)
    assert result.refused == [(len(ROWS) - 1, 3, 4)]
    assert (result.done, result.changed) == (len(ROWS), len(ROWS) - 1)
    assert _totals(ledger, FIRST, LAST) == [3, 10]


def test_rows_below_what_is_reserved_are_known_before_anything_is_set(ledger: Ledger):
    _load(ledger, ledger.clock())
    _hold(ledger, "c1", LAST, 4)
    fewer = [StockRow(row.sku, row.location, 3) for row in ROWS]
    plan = StockFileLoad(ledger, ledger.clock(), Listener()).look(fewer)
    assert [row.index for row in plan.below_reserved] == [len(ROWS) - 1]


def test_what_moved_before_the_load_began_is_told_from_what_moved_while_it_compares(ledger: Ledger):
    counted_at = ledger.clock()
    _load(ledger, counted_at)
    _sell(ledger, "c1", FIRST, 1)
    begun_at = ledger.clock()
    _sell(ledger, "c2", LAST, 1)
    plan = StockFileLoad(ledger, counted_at, Listener()).look(ROWS)
    assert [row.row.sku for row in plan.moved] == [FIRST, LAST]
    assert [row.row.sku for row in plan.moved_until(begun_at)] == [FIRST]


def test_at_once_all_is_set_in_one_transaction_or_nothing(ledger: Ledger):
    as_of = ledger.clock()
    loading = StockFileLoad(ledger, as_of, Listener())
    loading.set_at_once(loading.look(ROWS))
    assert (loading.result.done, loading.result.created) == (len(ROWS), len(ROWS))
    fewer = [StockRow(row.sku, row.location, 3) for row in ROWS]
    loading = StockFileLoad(ledger, ledger.clock(), Listener())
    plan = loading.look(fewer)
    _hold(ledger, "c1", LAST, 4)
    with pytest.raises(StockLoadRefused) as refused:
        loading.set_at_once(plan)
    assert refused.value.rows == ((len(ROWS) - 1, 3, 4),)
    assert _totals(ledger, FIRST, LAST) == [10, 10]


def test_a_load_outlives_a_database_that_ends_its_connections(
    ledger: Ledger, own_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stock_load, "RETRY_SECONDS", 0.01)

    def end_connections() -> None:
        with psycopg.connect(own_database_url, autocommit=True) as link:
            link.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    listener = Listener("set", 200, end_connections)
    assert _load(ledger, ledger.clock(), listener=listener).created == len(ROWS)
    assert ledger.audit() == ()


def test_a_database_that_stays_away_is_given_up(
    ledger: Ledger, own_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stock_load, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(stock_load, "UNAVAILABLE_SECONDS_MAX", 2)
    as_of = ledger.clock()

    def rename(new: str, old: str) -> None:
        with psycopg.connect(own_database_url, autocommit=True) as link:
            link.execute(f"ALTER SCHEMA {old} RENAME TO {new}")

    listener = Listener("set", 200, lambda: rename("elsewhere", "holdfast"))
    loading = StockFileLoad(ledger, as_of, listener)
    with pytest.raises(LedgerUnavailable):
        loading.set_beside_shoppers(loading.look(ROWS))
    assert loading.result.done == 200
    assert listener.waited_for
    rename("holdfast", "elsewhere")
    assert _load(ledger, as_of).created == 300


def test_shoppers_are_served_while_a_load_sets_what_they_buy(ledger: Ledger):
    """Every row of the load is wanted again and again while it goes on."""
    _load(ledger, ledger.clock())
    over = threading.Event()
    sold: list[str] = []

    def shop() -> None:
        while not over.is_set():
            sku = ROWS[len(sold) % len(ROWS)].sku
            _sell(ledger, f"c{len(sold)}", sku, 1)
            sold.append(sku)

    shopper = threading.Thread(target=shop)
    shopper.start()
    try:
        as_of = ledger.clock()
        for total in (1_000, 2_000, 3_000):
            _load(ledger, as_of, [StockRow(row.sku, row.location, total) for row in ROWS])
    finally:
        over.set()
        shopper.join()
    assert sold
    assert ledger.audit() == ()
