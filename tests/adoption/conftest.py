"""A shop and the ledger in one database, each under a role of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import psycopg
import pytest
from sqlalchemy import make_url

from activities.inventory.database.engine import open_engine
from activities.inventory.ledger import Ledger
from tests.adoption.adopted import Adopted, PatientLedger
from tests.adoption.shops import open_shop
from tests.inventory.databases import (
    administer,
    as_role,
    as_worker,
    create_template,
    fresh_database,
    make_role,
)

SHOP_ROLE = "test_shop"
LEDGER_ROLE = "test_ledger"


class OpenAdopted(Protocol):
    """Opens one of the four shops.

    Args:
        letter: which.
        as_it_is: its tables as its own database has them, and not as its models would make them.
    """

    def __call__(self, letter: str, *, as_it_is: bool = False) -> Adopted: ...


@pytest.fixture(scope="session")
def owned_template(postgres_url: str) -> str:
    """The name of a migrated database whose ledger belongs to a role that is no superuser."""
    for role in (SHOP_ROLE, LEDGER_ROLE):
        make_role(postgres_url, role)
    administer(postgres_url, "GRANT {shop} TO {ledger}", shop=SHOP_ROLE, ledger=LEDGER_ROLE)
    # Tests look at who waits.
    administer(postgres_url, "GRANT pg_monitor TO {ledger}", ledger=LEDGER_ROLE)
    return create_template(postgres_url, LEDGER_ROLE)


def as_shop(url: str) -> str:
    """Let a role of the shop's own make tables in a database, and return the URL for it."""
    make_role(url, SHOP_ROLE)
    administer(url, "GRANT CREATE ON SCHEMA public TO {shop}", shop=SHOP_ROLE)
    changed = make_url(as_role(url, SHOP_ROLE)).set(drivername="postgresql")
    return changed.render_as_string(hide_password=False)


@pytest.fixture
def open_adopted(postgres_url: str, owned_template: str) -> Iterator[OpenAdopted]:
    """Open one of the four shops, with tables of its own, not adopted yet."""
    with ExitStack() as stack:

        def opened(letter: str, *, as_it_is: bool = False) -> Adopted:
            superuser_url = stack.enter_context(fresh_database(postgres_url, owned_template))
            url = as_role(superuser_url, LEDGER_ROLE)
            owner = open_engine(url, connections_max=4, statement_timeout_ms=0)
            worker = open_engine(as_worker(url), connections_max=30, lock_timeout_ms=20_000)
            stack.callback(owner.dispose)
            stack.callback(worker.dispose)
            shop_url = as_shop(superuser_url)
            code = stack.enter_context(open_shop(letter, shop_url))
            made = "make_tables()" if as_it_is else "migrate()"
            code(made if letter != "a" else "migrate")
            sql_connection = stack.enter_context(psycopg.connect(shop_url, autocommit=True))
            return Adopted(
                letter,
                url,
                superuser_url,
                shop_url,
                engine=owner,
                ledger=PatientLedger(worker),
                impatient=Ledger(worker),
                code=code,
                sql=sql_connection,
            )

        yield opened
