"""Databases for the tests: each one a fresh copy of a migrated template, gone afterwards."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade

WORKER_ROLE: Final = "test_worker"
_PASSWORD: Final = "a-password"

_number: Final = itertools.count(1)


def at_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def administer(url: str, command: str, **names: str) -> None:
    """Run one command with names in it, outside any transaction, as CREATE DATABASE wants it."""
    quoted = {key: sql.Identifier(name) for key, name in names.items()}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(command).format(**quoted))


def make_role(url: str, role: str) -> None:
    """Make a role on this server that may log in, without any right yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), _PASSWORD)
            )


def as_role(url: str, role: str) -> str:
    """Return the URL of the same database for a role that was made here."""
    changed = make_url(url).set(username=role, password=_PASSWORD)
    return changed.render_as_string(hide_password=False)


def as_worker(url: str) -> str:
    """Return the URL of the same database for the worker's role, which may do its work only."""
    return as_role(url, WORKER_ROLE)


READER_ROLE: Final = "test_reader"


def make_reader(url: str) -> str:
    """Make the role of a product page, let it read this database, and return the URL for it."""
    make_role(url, READER_ROLE)
    engine = open_engine(url, connections_max=1)
    upgrade(engine, reader_role=READER_ROLE)
    engine.dispose()
    return as_role(url, READER_ROLE)


def create_template(url: str, owner: str = "") -> str:
    """Make a migrated database to copy from and return its name; a worker's role may use it.

    Args:
        url: of a superuser.
        owner: the role that migrates, and so owns the ledger; the superuser if it is empty.
    """
    name = f"ledger_template_{next(_number)}"
    administer(url, "CREATE DATABASE {name}", name=name)
    make_role(url, WORKER_ROLE)
    at = at_database(url, name)
    if owner:
        administer(url, "GRANT CREATE ON DATABASE {name} TO {owner}", name=name, owner=owner)
    engine = open_engine(as_role(at, owner) if owner else at, connections_max=1)
    upgrade(engine, worker_role=WORKER_ROLE)
    engine.dispose()
    # A session in it, be it the server's own vacuum, would stand in the way of copying.
    administer(url, "ALTER DATABASE {name} ALLOW_CONNECTIONS false", name=name)
    return name


@contextmanager
def fresh_database(
    url: str, template: str = "template0", *, encoding: str = "UTF8"
) -> Iterator[str]:
    """Lend the URL of a database that nobody has used, copied from a template."""
    name = f"ledger_test_{next(_number)}"
    command = "CREATE DATABASE {name} TEMPLATE {template} ENCODING {encoding}"
    administer(url, command, name=name, template=template, encoding=encoding)
    try:
        yield at_database(url, name)
    finally:
        administer(url, "DROP DATABASE {name} WITH (FORCE)", name=name)
