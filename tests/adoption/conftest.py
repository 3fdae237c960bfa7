"""A shop and the ledger in one database, each under a role of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from tests.adoption.adopted import Adopted
from tests.adoption.shops import open_shop
from tests.inventory.databases import as_worker, fresh_database

SHOP_ROLE = "test_shop"
_SHOP_PASSWORD = "a-shops-password"


class OpenAdopted(Protocol):
    """Opens one of the four shops.

    Args:
        letter: which.
        as_it_is: its tables as its own database has them, and not as its models would make them.
    """

    def __call__(self, letter: str, *, as_it_is: bool = False) -> Adopted: ...


def as_shop(url: str) -> str:
    """Let a role of the shop's own make tables in a database, and return the URL for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s", [SHOP_ROLE]
        ).fetchone():
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(SHOP_ROLE), _SHOP_PASSWORD
                )
            )
        connection.execute(
            sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(SHOP_ROLE))
        )
    changed = make_url(url).set(username=SHOP_ROLE, password=_SHOP_PASSWORD)
    return changed.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def open_adopted(postgres_url: str, template: str) -> Iterator[OpenAdopted]:
    """Open one of the four shops, with tables of its own, not adopted yet."""
    with ExitStack() as stack:

        def opened(letter: str, *, as_it_is: bool = False) -> Adopted:
            url = stack.enter_context(fresh_database(postgres_url, template))
            owner = open_engine(url, connections_max=4, statement_timeout_ms=0)
            worker = open_engine(as_worker(url), connections_max=30, lock_timeout_ms=20_000)
            stack.callback(owner.dispose)
            stack.callback(worker.dispose)
            shop_url = as_shop(url)
            code = stack.enter_context(open_shop(letter, shop_url))
            made = "make_tables()" if as_it_is else "migrate()"
            code(made if letter != "a" else "migrate")
            sql_connection = stack.enter_context(psycopg.connect(shop_url, autocommit=True))
            return Adopted(letter, url, shop_url, owner, Ledger(worker), code, sql_connection)

        yield opened
