"""A job of the shop's that clears up overdue rows takes its own units off, and none of a hold's."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.records import Closing
from holdfast_client.contract.outcomes import Expired, Held
from tests.adoption.adopted import Adopted, without_budget
from tests.adoption.clean_up_jobs import (
    FIND,
    IN_DJANGO,
    JOBS,
    LEAVE_OUT,
    OWN_AHEAD,
    TAKE_OFF,
    TAKE_OUT,
    CleanUp,
    counted_anew,
    figures_first,
    rows_first,
    sums_first,
)
from tests.adoption.conftest import OpenAdopted
from tests.inventory import by_hand

ROUNDS = 150
# Reserved by buyers of the shop's own who take their time.
STAYING = 1_000
# So long what is reserved stays before a job may find it overdue.
SOON_SECONDS = 0.05


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop B with mugs and cups, of which its own buyers have reserved nothing yet."""
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=20_000)')
    shop.code('cup = Product.objects.create(sku="CUP", name="Cup", total_stock=20_000)')
    shop.adopt()
    return shop


@pytest.fixture
def job(shop: Adopted) -> Iterator[psycopg.Connection]:
    """A transaction of the shop's that is undone unless a test commits it."""
    with psycopg.connect(shop.shop_url) as connection:
        yield connection
        connection.rollback()


def own_buyer(shop: Adopted, sku: str, units: int, seconds: float = 900) -> None:
    """Reserve as the shop's own checkout does: the figure and a row."""
    with shop.sql.transaction():
        (product,) = shop.sql.execute(
            "UPDATE inventory_product SET reserved_stock = reserved_stock + %s WHERE sku = %s "
            "RETURNING id",
            [units, sku],
        ).fetchall()
        shop.sql.execute(
            "INSERT INTO inventory_stockreservation (product_id, quantity, expires_at, created_at) "
            "VALUES (%s, %s, now() + %s * interval '1 s', now())",
            [product[0], units, seconds],
        )


def overdue_hold(shop: Adopted, checkout_id: str, **quantities: int) -> None:
    """Let a checkout hold units, past its deadline: the ledger is about to end it."""
    assert isinstance(shop.reserve(checkout_id, "s-1", None, **quantities), Held)
    shop.owner(
        "UPDATE holdfast.reservations SET expires_at = now() - interval '1 second' "
        "WHERE checkout_id = :id",
        id=checkout_id,
    )


def notes(shop: Adopted) -> int:
    (row,) = shop.owner("SELECT count(*) FROM holdfast.owed_units")
    return int(row[0])


def items(shop: Adopted, skus: Iterable[str]) -> list[tuple[int, int]]:
    """Return what is reserved of these, and what of it is the shop's own."""
    return [shop.item(sku)[1:] for sku in skus]


def run(shop: Adopted, clear_up: CleanUp) -> None:
    with psycopg.connect(shop.shop_url) as connection:
        clear_up(connection)


def until_blocked(shop: Adopted, connection: psycopg.Connection) -> None:
    """Wait until a session waits for a lock, which another one has."""
    pid = connection.info.backend_pid
    while not shop.owner(f"SELECT pg_blocking_pids({pid})")[0][0]:
        time.sleep(0.005)


# --- one job, a moment before the ledger ---------------------------------------------------------


@pytest.mark.parametrize("clear_up", JOBS)
def test_a_job_that_meets_a_hold_takes_nothing_off_what_the_shop_has_reserved(
    shop: Adopted, clear_up: CleanUp
) -> None:
    """Of four products, of which the shop has reserved from nothing to more than is held."""
    own = {f"P{units}": units for units in (0, 1, 2, 5)}
    for sku, units in own.items():
        shop.code(f"Product.objects.create(sku='{sku}', name='P', total_stock=20_000)")
        own_buyer(shop, sku, units)
    overdue_hold(shop, "c1", **dict.fromkeys(own, 2))
    run(shop, clear_up)
    assert items(shop, own) == [(units + 2, units) for units in own.values()]
    assert (notes(shop), shop.breaches()) == (0, [])
    assert isinstance(shop.close("c1", "expired"), Expired)
    assert items(shop, own) == [(units, units) for units in own.values()]
    assert shop.breaches() == []


@pytest.mark.parametrize("clear_up", JOBS)
def test_it_takes_off_its_own_overdue_rows_and_no_more(shop: Adopted, clear_up: CleanUp) -> None:
    """Holds before and after its own rows, of one product and of two, one of them not overdue."""
    overdue_hold(shop, "c1", MUG=2, CUP=1)
    own_buyer(shop, "MUG", 3, seconds=-60)
    overdue_hold(shop, "c2", MUG=1)
    own_buyer(shop, "CUP", 4, seconds=-60)
    own_buyer(shop, "MUG", 1)
    shop.reserve("c3", "s-2", MUG=1)
    assert items(shop, ["MUG", "CUP"]) == [(8, 4), (5, 4)]
    run(shop, clear_up)
    assert items(shop, ["MUG", "CUP"]) == [(5, 1), (1, 0)]
    assert (notes(shop), shop.breaches()) == (0, [])
    for id in ("c1", "c2"):
        shop.close(id, "expired")
    run(shop, clear_up)
    assert items(shop, ["MUG", "CUP"]) == [(2, 1), (0, 0)]
    assert shop.breaches() == []


def test_the_job_of_a_django_shop_runs_as_often_as_it_likes(shop: Adopted) -> None:
    shop.code(IN_DJANGO)
    own_buyer(shop, "MUG", 1)
    own_buyer(shop, "MUG", 3, seconds=-60)
    overdue_hold(shop, "c1", MUG=2)
    for _ in range(3):
        shop.code("clear_up()")
        assert shop.item("MUG") == (20_000, 3, 1)
    shop.close("c1", "expired")
    shop.code("clear_up()")
    assert shop.item("MUG") == (20_000, 1, 1)
    assert shop.breaches() == []


def test_what_is_put_back_is_listed(shop: Adopted) -> None:
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    run(shop, figures_first)
    (row,) = shop.standing().put_back_rows
    assert (row["sku"], row["column_name"], row["written"], row["kept"]) == (
        "MUG",
        "reserved_stock",
        "5",
        "7",
    )


def test_without_the_switch_it_takes_off_what_the_shop_has(shop: Adopted) -> None:
    """The positive control."""
    shop.owner("DROP TRIGGER zz_holdfast_follow_cleared ON inventory_stockreservation")
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    run(shop, rows_first)
    assert shop.item("MUG") == (20_000, 5, 3)


# --- what a job does not do to the end, or does otherwise ----------------------------------------


def test_a_job_that_is_undone_has_done_nothing(shop: Adopted, job: psycopg.Connection) -> None:
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    rows_first(job)
    job.rollback()
    assert shop.item("MUG") == (20_000, 7, 5)
    assert notes(shop) == 0
    run(shop, figures_first)
    assert shop.item("MUG") == (20_000, 7, 5)


def test_what_is_undone_within_a_job_counts_for_nothing_later_in_it(
    shop: Adopted, job: psycopg.Connection
) -> None:
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    with job.transaction(force_rollback=True):
        job.execute(LEAVE_OUT)
    job.execute(TAKE_OFF, [1, 1])
    job.commit()
    assert shop.item("MUG") == (20_000, 6, 4)


def test_a_row_that_goes_without_its_units_lets_the_shops_next_release_count(
    shop: Adopted,
) -> None:
    """A buyer of the shop's is deleted with all rows of his, or the job has a fault of its own."""
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    shop.sql.execute(LEAVE_OUT)
    assert (shop.item("MUG"), notes(shop)) == ((20_000, 7, 5), 0)
    shop.sql.execute(TAKE_OFF, [2, 1])
    assert shop.item("MUG") == (20_000, 5, 3)
    shop.close("c1", "expired")
    assert (shop.item("MUG"), shop.breaches()) == ((20_000, 3, 3), [])


def test_no_more_is_put_back_than_the_row_or_its_line_has(shop: Adopted) -> None:
    own_buyer(shop, "MUG", 9)
    overdue_hold(shop, "c1", MUG=2)
    shop.sql.execute("UPDATE inventory_stockreservation SET quantity = 5 WHERE quantity = 2")
    run(shop, rows_first)
    assert shop.item("MUG") == (20_000, 8, 6)


def test_who_clears_up_first_and_then_reserves_has_both(shop: Adopted) -> None:
    own_buyer(shop, "MUG", 1)
    overdue_hold(shop, "c1", MUG=2)
    with psycopg.connect(shop.shop_url) as connection:
        figures_first(connection)
        connection.execute(TAKE_OFF, [-3, 1])
    assert shop.item("MUG") == (20_000, 6, 4)


@pytest.mark.parametrize("policy", ["ledger", "refuse"])
def test_where_the_figure_is_not_the_shops_nothing_is_put_back_twice(
    shop: Adopted, policy: str
) -> None:
    own_buyer(shop, "MUG", 1)
    overdue_hold(shop, "c1", MUG=2)
    shop.adopt(reserved=policy)
    if policy == "refuse":
        with pytest.raises(psycopg.errors.CheckViolation):
            run(shop, rows_first)
    else:
        run(shop, rows_first)
        run(shop, sums_first)
    assert (shop.item("MUG"), shop.breaches()) == ((20_000, 3, 1), [])


# --- the job and the ledger at once --------------------------------------------------------------


def test_a_ledger_that_wants_to_end_a_hold_under_a_job_comes_after_it(
    shop: Adopted, job: psycopg.Connection
) -> None:
    own_buyer(shop, "MUG", 5)
    for clear_up in JOBS:
        id = clear_up.__name__
        overdue_hold(shop, id, MUG=2)
        clear_up(job)
        with pytest.raises(LedgerUnavailable):
            shop.close(id, "expired")
        job.commit()
        assert shop.item("MUG") == (20_000, 7, 5), id
        assert isinstance(shop.close(id, "expired"), Expired)
        assert (shop.item("MUG"), shop.breaches()) == ((20_000, 5, 5), [])


@pytest.mark.parametrize("take_first", [TAKE_OUT, FIND])
def test_of_a_job_that_has_the_row_and_a_ledger_that_has_the_product_the_ledger_gives_way(
    shop: Adopted, job: psycopg.Connection, take_first: str
) -> None:
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    ((product, units),) = job.execute(take_first).fetchall()
    with ThreadPoolExecutor() as threads:
        end = threads.submit(shop.close, "c1", "expired")
        # Where this process was not there in time to see it wait, it is refused all the same.
        while not end.done() and not shop.owner(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename = 'test_worker' AND wait_event_type = 'Lock'"
        ):
            time.sleep(0.005)
        job.execute(TAKE_OFF, [units, product])
        with pytest.raises(LedgerUnavailable):
            end.result()
    job.execute(LEAVE_OUT)
    job.commit()
    assert shop.item("MUG") == (20_000, 7, 5)
    assert isinstance(shop.close("c1", "expired"), Expired)
    assert (shop.item("MUG"), shop.breaches()) == ((20_000, 5, 5), [])


@pytest.mark.parametrize("ends", [True, False])
def test_a_job_that_comes_while_the_ledger_ends_a_hold_waits_and_finds_what_became_of_it(
    shop: Adopted, job: psycopg.Connection, ends: bool
) -> None:
    """Ended, its row is gone; undone, it is a hold that the job meets."""
    without_budget(shop)  # the ledger stands there until the job waits for it
    own_buyer(shop, "MUG", 5)
    for clear_up in JOBS:
        id = clear_up.__name__
        overdue_hold(shop, id, MUG=2)
        with ThreadPoolExecutor() as threads, shop.engine.connect() as ledger:
            by_hand.close(ledger, [Closing(id, "expired")])
            under_way = threads.submit(clear_up, job)
            until_blocked(shop, job)
            ledger.commit() if ends else ledger.rollback()
            under_way.result()
        job.commit()
        held = 0 if ends else 2
        assert (shop.item("MUG"), shop.breaches()) == ((20_000, 5 + held, 5), []), id
        shop.close(id, "expired")
        assert (shop.item("MUG"), shop.breaches()) == ((20_000, 5, 5), [])


def test_a_job_that_reads_without_a_lock_takes_off_what_the_ledger_has_taken_off(
    shop: Adopted, job: psycopg.Connection
) -> None:
    """As docs/adopting.md says: it deletes nothing, so nothing tells whose units it takes off."""
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    ((product, units),) = job.execute(FIND.removesuffix("FOR UPDATE")).fetchall()
    shop.close("c1", "expired")
    job.execute(TAKE_OFF, [units, product])
    job.execute(LEAVE_OUT)
    job.commit()
    assert shop.item("MUG") == (20_000, 3, 3)


def test_who_takes_a_row_out_waits_for_nobody_who_has_its_product(
    shop: Adopted, job: psycopg.Connection
) -> None:
    own_buyer(shop, "MUG", 5)
    overdue_hold(shop, "c1", MUG=2)
    with shop.sql.transaction():
        shop.sql.execute(TAKE_OFF, [1, 1])
        job.execute("SET LOCAL lock_timeout = 1")
        job.execute(LEAVE_OUT)
    job.commit()
    assert shop.item("MUG") == (20_000, 6, 4)


def test_a_job_buyers_and_the_ledger_at_once_leave_what_the_shops_own_rows_stand_for(
    shop: Adopted,
) -> None:
    """Each ends or takes off what has just come to its deadline, over and over."""
    for sku in ("MUG", "CUP"):
        own_buyer(shop, sku, STAYING)
    seed = random.randrange(2**32)
    choices = random.Random(seed)
    with ThreadPoolExecutor() as threads:
        buying = threads.submit(_buy, shop, random.Random(seed + 1))
        ending = threads.submit(_end, shop, buying)
        while not ending.done():
            run(shop, choices.choice([each for each in JOBS if each is not counted_anew]))
        buying.result()
        ending.result()
    while shop.sql.execute(OWN_AHEAD, [STAYING]).fetchone():
        time.sleep(SOON_SECONDS)
    run(shop, figures_first)
    for sku in ("MUG", "CUP"):
        assert shop.item(sku) == (20_000, STAYING, STAYING), seed
    assert shop.breaches() == []


def _buy(shop: Adopted, choices: random.Random) -> None:
    for number in range(ROUNDS):
        sku, id = choices.choice(["MUG", "CUP"]), f"c{number}"
        own_buyer(shop, sku, choices.randint(1, 3), seconds=SOON_SECONDS)
        with suppress(LedgerUnavailable):
            shop.reserve(id, "s-1", None, **{sku: choices.randint(1, 3)})
            shop.owner(
                "UPDATE holdfast.reservations SET expires_at = now() + :seconds * interval '1 s' "
                "WHERE checkout_id = :id",
                seconds=SOON_SECONDS,
                id=id,
            )


def _end(shop: Adopted, buying: Future[None]) -> None:
    """End what is overdue until nothing is left, though the job comes in between."""
    while not buying.done() or shop.owner(
        "SELECT FROM holdfast.reservations WHERE closed_at IS NULL"
    ):
        with suppress(LedgerUnavailable):
            shop.ledger.expire_overdue(0)
