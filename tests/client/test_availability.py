"""Availability for product pages: from the database, under a role that may read nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from activities.inventory.records import StockRow
from holdfast_client import (
    AvailabilityPage,
    AvailabilityReader,
    InvalidRequest,
    SkuAvailability,
    StockUnreadable,
    SyncAvailabilityReader,
)
from holdfast_client.availability.figures import PLACES_MAX, SKUS_MAX, PlaceAvailability
from holdfast_client.contract.messages import CheckoutRequest, Line, StockAdjustment
from tests.connections.pooler import PgBouncer
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database, make_reader

# For what is expected to be answered, however busy the machine is.
PATIENT_SECONDS = 60.0
HASTY_SECONDS = 0.5


@pytest.fixture(scope="module")
def owner_url(postgres_url: str, template: str) -> Iterator[str]:
    """Mugs at two places, of which one is out of sale, and cups of which two are held."""
    with fresh_database(postgres_url, template) as url:
        engine = open_engine(url, connections_max=1)
        ledger = Ledger(engine)
        ledger.load_stock(
            [
                StockRow("MUG", "main", 5, "Mug"),
                StockRow("MUG", "attic", 3, "Mug"),
                StockRow("CUP", "main", 7),
                *(StockRow("PEN", f"shop-{n:02}", n) for n in range(PLACES_MAX + 2)),
            ]
        )
        ledger.adjust(
            StockAdjustment(
                adjustment_id="a1", sku="MUG", location="attic", kind="deactivate", quantity=0
            )
        )
        ledger.reserve([CheckoutRequest(checkout_id="c1", lines=(Line(sku="CUP", quantity=2),))])
        engine.dispose()
        yield url


@pytest.fixture(scope="module")
def reader_url(owner_url: str) -> str:
    return make_reader(owner_url)


@pytest.fixture
async def reader(reader_url: str) -> AsyncIterator[AvailabilityReader]:
    async with AvailabilityReader(reader_url, timeout_seconds=PATIENT_SECONDS) as opened:
        yield opened


async def test_one_sku_is_what_is_for_sale_of_it_and_its_figures_at_each_place(
    reader: AvailabilityReader,
):
    assert await reader.one("MUG") == SkuAvailability(
        sku="MUG",
        is_known=True,
        for_sale=5,
        places=(
            PlaceAvailability(
                location="attic", name="Mug", active=False, total=3, reserved=0, available=3
            ),
            PlaceAvailability(
                location="main", name="Mug", active=True, total=5, reserved=0, available=5
            ),
        ),
    )
    cups = await reader.one("CUP")
    assert (cups.for_sale, cups.places[0].total, cups.places[0].reserved) == (5, 7, 2)


async def test_many_skus_come_in_the_order_asked_and_the_unknown_are_not_for_sale(
    reader: AvailabilityReader,
):
    found = await reader.many(["HAT", "MUG", "CUP", "MUG"])
    assert {sku: item.for_sale for sku, item in found.items()} == {"HAT": 0, "MUG": 5, "CUP": 5}
    assert [item.is_known for item in found.values()] == [False, True, True]
    assert found["HAT"].places == ()
    assert await reader.many([]) == {}


async def test_of_many_places_the_first_are_told_and_all_are_added_up(reader: AvailabilityReader):
    pens = await reader.one("PEN")
    assert [place.location for place in pens.places] == [f"shop-{n:02}" for n in range(PLACES_MAX)]
    assert pens.places_left_out == 2
    assert pens.for_sale == sum(range(PLACES_MAX + 2))


async def test_a_page_shows_no_more_than_a_hold_could_take(
    reader: AvailabilityReader, owner_url: str
):
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE holdfast.stock_items SET safety_quantity = 4 WHERE sku = 'CUP'")
    try:
        assert (await reader.one("CUP")).for_sale == 1
    finally:
        with psycopg.connect(owner_url) as owner:
            owner.execute("UPDATE holdfast.stock_items SET safety_quantity = 0 WHERE sku = 'CUP'")


async def pages_of_one(reader: AvailabilityReader) -> list[AvailabilityPage]:
    """Return all pages, with one SKU on each."""
    pages = [await reader.page(limit=1)]
    while (after := pages[-1].next_after) is not None:
        pages.append(await reader.page(after, limit=1))
    return pages


async def test_all_skus_come_page_by_page(reader: AvailabilityReader):
    pages = await pages_of_one(reader)
    assert len(pages) == 3
    found = [item for page in pages for item in page.items]
    assert sorted(item.sku for item in found) == ["CUP", "MUG", "PEN"]
    assert {item.sku: item for item in (await reader.page()).items} == {
        item.sku: item for item in found
    }
    assert (await reader.page("~~~~", limit=SKUS_MAX)).items == ()


async def test_a_page_may_end_with_a_sku_from_before_the_rules_were_stricter(
    reader: AvailabilityReader, owner_url: str
):
    old = [" MUG", "M\tUG", "M\u200bUG", "Me\u0301UG", "M\U0010ffffUG"]
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for rule in ("key_is_seen", "key_is_composed"):
            owner.execute(
                f"ALTER TABLE holdfast.stock_items DROP CONSTRAINT IF EXISTS stock_items_{rule}"
            )
        make = "INSERT INTO holdfast.stock_items (sku, location) VALUES (%s, 'main')"
        owner.cursor().executemany(make, [(sku,) for sku in old])
        try:
            found = await pages_of_one(reader)
        finally:
            owner.execute("DELETE FROM holdfast.stock_items WHERE sku = ANY(%s)", [old])
    assert {item.sku for page in found for item in page.items} == {"CUP", "MUG", "PEN", *old}


async def test_skus_that_can_be_read_only_once_are_read_only_once(reader: AvailabilityReader):
    assert list(await reader.many(sku for sku in ("CUP", "MUG"))) == ["CUP", "MUG"]


# What the role may do


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM holdfast.stock_items",
        "SELECT 1 FROM holdfast.reservations",
        "SELECT 1 FROM holdfast.reservation_lines",
        "SELECT 1 FROM holdfast.stock_movements",
        "SELECT 1 FROM holdfast.overdue_reservations",
        "UPDATE holdfast.stock_availability SET total = 9",
        "INSERT INTO holdfast.stock_items (sku) VALUES ('x')",
        "SELECT holdfast.claim_reservations('{x}', NULL, NULL, NULL, NULL, NULL, NULL)",
        "CREATE TABLE holdfast.x (a int)",
    ],
)
def test_the_readers_role_may_read_availability_and_nothing_else(reader_url: str, statement: str):
    with psycopg.connect(reader_url) as connection:
        assert connection.execute("SELECT count(*) FROM holdfast.stock_availability").fetchone()
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement)


async def test_without_the_grant_it_is_said_what_the_database_refused(
    owner_url: str, reader_url: str
):
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON holdfast.stock_availability FROM test_reader")
        try:
            async with AvailabilityReader(reader_url, timeout_seconds=PATIENT_SECONDS) as reader:
                with pytest.raises(StockUnreadable, match="permission denied"):
                    await reader.one("MUG")
        finally:
            owner.execute("GRANT SELECT ON holdfast.stock_availability TO test_reader")


# What may go wrong


async def test_a_connection_that_the_server_ended_is_replaced_within_the_call(
    owner_url: str, reader: AvailabilityReader
):
    await reader.one("MUG")
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE usename = 'test_reader'"
        )
    assert (await reader.one("MUG")).for_sale == 5


async def test_a_database_that_keeps_one_waiting_is_given_up_in_time_and_asked_again(
    owner_url: str, reader_url: str
):
    with psycopg.connect(owner_url) as owner:
        owner.execute("LOCK TABLE holdfast.stock_items IN ACCESS EXCLUSIVE MODE")
        async with AvailabilityReader(reader_url, timeout_seconds=HASTY_SECONDS) as reader:
            before = time.monotonic()
            with pytest.raises(StockUnreadable, match=r"within 0\.5 s"):
                await reader.one("MUG")
            assert time.monotonic() - before < 20 * HASTY_SECONDS
    async with AvailabilityReader(reader_url, timeout_seconds=PATIENT_SECONDS) as reader:
        assert (await reader.one("MUG")).for_sale == 5


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "away"])
def test_a_server_that_is_silent_or_away_is_said_so(is_silent: bool):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if is_silent:
            listening.listen()
        port = listening.getsockname()[1]
        url = f"postgresql://u:secret@127.0.0.1:{port}/d"
        with (
            SyncAvailabilityReader(url, timeout_seconds=HASTY_SECONDS) as reader,
            pytest.raises(StockUnreadable) as raised,
        ):
            reader.one("MUG")
    assert "secret" not in str(raised.value)


async def test_more_callers_than_connections_take_turns(owner_url: str, reader_url: str):
    async with AvailabilityReader(
        reader_url, timeout_seconds=PATIENT_SECONDS, connections_max=2
    ) as reader:
        found = await asyncio.gather(*(reader.one("CUP") for _ in range(40)))
        assert {item.for_sale for item in found} == {5}
        with psycopg.connect(owner_url) as owner:
            (count,) = owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'test_reader'"
            ).fetchone() or (0,)
    assert count <= 2


async def test_behind_a_pooler_that_shares_sessions_between_statements_every_call_is_answered(
    postgres_url: str, reader_url: str, new_directory: NewDirectory
):
    directory = new_directory("pgbouncer")
    with PgBouncer(postgres_url, directory, "transaction", sessions_max=2) as pooler:
        url = pooler.url(reader_url)
        async with AvailabilityReader(url, timeout_seconds=PATIENT_SECONDS) as reader:
            # More often than a statement must be made before the driver would prepare it.
            for _ in range(12):
                found = await asyncio.gather(*(reader.one("CUP") for _ in range(8)))
                assert [each.for_sale for each in found] == [5] * 8


async def test_a_call_that_is_cancelled_leaves_no_answer_to_the_next(
    owner_url: str, reader_url: str
):
    async with AvailabilityReader(
        reader_url, timeout_seconds=PATIENT_SECONDS, connections_max=1
    ) as reader:
        await reader.one("CUP")
        with psycopg.connect(owner_url) as owner:
            owner.execute("LOCK TABLE holdfast.stock_items IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.one("MUG"), 0.3)
        assert (await reader.one("CUP")).sku == "CUP"


# Without an event loop


def test_threads_share_one_reader_without_await(reader_url: str):
    with (
        SyncAvailabilityReader(reader_url, timeout_seconds=PATIENT_SECONDS) as reader,
        ThreadPoolExecutor(8) as threads,
    ):
        found = list(threads.map(lambda _: reader.one("CUP").for_sale, range(40)))
        assert set(found) == {5}
        assert list(reader.many(["MUG", "HAT"])) == ["MUG", "HAT"]
        assert len(reader.page(limit=2).items) == 2
        with pytest.raises(InvalidRequest):
            reader.one("")


def test_a_forked_process_connects_anew_and_leaves_the_parents_connection(reader_url: str):
    code = (
        "import os, sys\n"
        "from holdfast_client import SyncAvailabilityReader\n"
        "reader = SyncAvailabilityReader(timeout_seconds=60)\n"
        "reader.one('CUP')\n"
        "child = os.fork()\n"
        "sold = reader.one('CUP').for_sale\n"
        "if not child:\n"
        "    os._exit(0 if sold == 5 else 1)\n"
        "_, status = os.waitpid(child, 0)\n"
        "again = reader.one('CUP').for_sale\n"
        "reader.close()\n"
        "sys.exit(status or again != 5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "HOLDFAST_READER_URL": reader_url},
        capture_output=True,
        text=True,
        timeout=PATIENT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_without_the_extra_it_is_said_what_to_install():
    code = (
        "import sys; sys.modules['psycopg'] = None\nfrom holdfast_client import AvailabilityReader"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENT_SECONDS,
        check=False,
    )
    assert "install holdfast-client[availability]" in done.stderr
