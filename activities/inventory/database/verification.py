"""Whether what the ledger relies on is in force in the sessions that it is given."""

from __future__ import annotations

from sqlalchemy import Engine

from activities.inventory.database.engine import statement_engine, transaction, wanted_settings
from activities.inventory.database.errors import LedgerUnreachable, SessionUnfit
from activities.inventory.database.repeats import goes_on_afresh
from activities.inventory.database.rights.role_settings import read_role_settings
from activities.inventory.database.session import READ_ONLY, remedy, unmet_settings
from activities.inventory.sql.statements import databases as statements

_ONLY_READS = (
    "the database's server only reads: it is a standby, or default_transaction_read_only tells it "
    "so; name the primary, or all servers: "
    "postgresql://user:password@host1,host2/database?target_session_attrs=read-write"
)


@goes_on_afresh
def check_session(engine: Engine) -> None:
    """Look at the settings of a session, asked of the server itself.

    Args:
        engine: of :func:`activities.inventory.database.engine.open_engine`.

    Raises:
        SessionUnfit: some are not in force; the message says which, and what to do.
        LedgerUnavailable: the database does not answer, or only reads.
    """
    wanted = wanted_settings(engine)
    with transaction(statement_engine(engine)) as connection:
        names = {"names": [*wanted, READ_ONLY]}
        session = connection.exec_driver_sql(statements.READ_SESSION, names).one()
        carried = read_role_settings(connection, session.role)
    if session.settings[READ_ONLY] != "off":
        raise LedgerUnreachable(_ONLY_READS)
    if unmet := unmet_settings(wanted, session.settings):
        raise SessionUnfit(remedy(session.role, session.database, unmet, carried))
