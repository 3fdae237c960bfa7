"""The peer's ledger is right, so that the comparison is fair: it never sells what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.stack import peer_ledger
from tests.inventory.databases import fresh_database

UNITS = 5


@pytest.fixture
def engine(postgres_url: str) -> Iterator[sa.Engine]:
    with fresh_database(postgres_url) as url:
        engine = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="READ COMMITTED"
        )
        with engine.begin() as connection:
            peer_ledger.create(connection, ["A", "B"], UNITS)
        yield engine
        engine.dispose()


def request(**quantities: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    return {"lines": lines, "hold_seconds": 900}


def reserve(engine: sa.Engine, checkout_id: str, **quantities: int) -> str:
    with Session(engine) as session, session.begin():
        return str(peer_ledger.reserve(session, checkout_id, request(**quantities))["status"])


def close(engine: sa.Engine, checkout_id: str, status: str) -> str:
    with Session(engine) as session, session.begin():
        return str(peer_ledger.close(session, checkout_id, status)["status"])


def reserved(engine: sa.Engine) -> list[tuple[str, int, int]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT sku, total, reserved FROM stock ORDER BY sku"))
        return [(row.sku, row.total, row.reserved) for row in rows]


def test_a_cart_is_held_whole_or_not_at_all(engine: sa.Engine):
    assert reserve(engine, "c1", A=1, B=UNITS + 1) == "denied"
    assert reserved(engine) == [("A", UNITS, 0), ("B", UNITS, 0)]


def test_a_crowd_gets_as_many_units_as_there_are(engine: sa.Engine):
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda n: reserve(engine, f"c{n}", A=1), range(4 * UNITS)))
    assert answers.count("held") == UNITS
    assert reserved(engine)[0] == ("A", UNITS, UNITS)


def test_what_is_sold_leaves_and_what_expires_comes_back(engine: sa.Engine):
    assert reserve(engine, "sold", A=2) == reserve(engine, "left", A=1, B=1) == "held"
    assert close(engine, "sold", "fulfilled") == "fulfilled"
    assert close(engine, "left", "expired") == "expired"
    assert reserved(engine) == [("A", UNITS - 2, 0), ("B", UNITS, 0)]


def test_a_hold_ends_once(engine: sa.Engine):
    reserve(engine, "c1", A=2)
    close(engine, "c1", "fulfilled")
    assert close(engine, "c1", "expired") == "closed before"
    assert reserved(engine)[0] == ("A", UNITS - 2, 0)


def test_a_sweep_ends_what_is_over_and_passes_over_what_somebody_has_locked(engine: sa.Engine):
    for checkout_id in ("over", "locked", "live"):
        reserve(engine, checkout_id, A=1)
    late = sa.text("UPDATE reservation SET expires_at = clock_timestamp() WHERE id <> 'live'")
    lock = sa.text("SELECT 1 FROM reservation WHERE id = 'locked' FOR UPDATE")
    with engine.begin() as connection:
        connection.execute(late)
    with engine.begin() as stranger:
        stranger.execute(lock)
        assert _swept(engine) == 1
    assert reserved(engine)[0] == ("A", UNITS, 2)
    assert _swept(engine) == 1
    assert reserved(engine)[0] == ("A", UNITS, 1)


def _swept(engine: sa.Engine) -> int:
    with Session(engine) as session, session.begin():
        return peer_ledger.sweep(session, size=10)


def test_its_audit_sees_stock_that_does_not_add_up(engine: sa.Engine):
    reserve(engine, "c1", A=2)
    close(engine, "c1", "fulfilled")
    with engine.begin() as connection:
        assert peer_ledger.audit(connection) == (0, 1)
        connection.execute(sa.text("UPDATE stock SET reserved = 1 WHERE sku = 'B'"))
        assert peer_ledger.audit(connection) == (1, 1)
