"""Which databases the ledger can work on: the version of the server, and the encoding.

Both are asked before anything else: by `migrate`, by a worker that starts, and by `health`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, exc

from activities.inventory.database.errors import DatabaseUnfit, ledger_error
from activities.inventory.sql.statements import databases as statements

# As `server_version_num` has it: 15.4 is 150004. The ledger's tests run on this one, too.
SERVER_VERSION_MIN: Final = 150_000
ENCODING: Final = "UTF8"
_MAJOR: Final = 10_000
_HOW_TO_MAKE: Final = "CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"


def unfit_because(version: int, encoding: str) -> str | None:
    """Return why the ledger cannot work on such a database, or None where it can.

    Args:
        version: the server's ``server_version_num``.
        encoding: the database's ``server_encoding``.
    """
    if version < SERVER_VERSION_MIN:
        return (
            f"the server is Postgres {version // _MAJOR}, and Holdfast needs "
            f"{SERVER_VERSION_MIN // _MAJOR} or newer"
        )
    if encoding != ENCODING:
        return (
            f"the database's encoding is {encoding}, which cannot hold every name that a shop may "
            f"write, and Holdfast needs {ENCODING}; make a database of that encoding: "
            f"{_HOW_TO_MAKE}"
        )
    return None


def check_connection(connection: Connection) -> None:
    """Find out whether the ledger can work on the database of a connection.

    Raises:
        DatabaseUnfit: it cannot; the message says why.
    """
    found = connection.exec_driver_sql(statements.READ_SERVER).one()
    if why := unfit_because(found.version, found.encoding):
        raise DatabaseUnfit(why)


def check_server(engine: Engine) -> None:
    """The same, over a connection of the engine.

    Raises:
        DatabaseUnfit: it cannot; the message says why.
        LedgerUnavailable: the database does not answer.
    """
    try:
        with engine.connect() as connection:
            check_connection(connection)
    except exc.SQLAlchemyError as error:
        raise ledger_error(error) or error from None
