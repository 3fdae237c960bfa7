"""What can go wrong in the ledger that is no answer.

::

    LedgerError
      LedgerUnavailable     the database did not answer or did not finish; try again
        LedgerGaveWay       somebody has what is wanted, or would wait, for too long
          TooManyShopRows   for one transaction; fewer at a time can be had
        LedgerUnreachable   there is no connection or no schema, whatever is asked
          ConnectionLost    the connection could not do its work any more; a new one may
      LedgerCorrupt         a constraint refused a change that the ledger thought right
      LedgerFailed          the database refused a statement for a reason nobody has foreseen
        ShopRefused         a trigger of the adopted shop's changed what was written
      ReservationConflict   the reservation id belongs to a different request
      AdjustmentConflict    the adjustment id belongs to a different change
      PaymentConflict       the payment belongs to another checkout
      RefundNotDue          no such payment is due back
      FigureUnfit           a figure is greater than the column of the adopted shop can hold
      RequestRefused        a request that cannot be read as lines to hold
      StockLoadRefused      a stock file asks for less than is reserved; nothing was loaded
      DatabaseUnfit         the server is too old, or the database cannot hold every text
        SessionUnfit        its sessions lack settings that the ledger relies on
      WorkerRoleUnfit       the workers' database role is missing, or may do too much by itself
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import psycopg
from psycopg import errors as postgres
from sqlalchemy import exc

from activities.inventory.sql.schema import SCHEMA
from holdfast_client.contract.wording import refund_not_due

# What `lock_shop_rows` of an adoption raises where it would have to hold more than it may.
TOO_MANY_ROWS_STATE: Final = "HF005"
# SQLSTATE classes and codes that say "not now" rather than "never".
_PASSING_CLASSES: Final = frozenset({"08", "40", "53", "57", "58"})
_PASSING_CODES: Final = frozenset(
    {
        postgres.LockNotAvailable.sqlstate,
        # This process stood still for so long that the server gave its locks away.
        postgres.IdleInTransactionSessionTimeout.sqlstate,
        postgres.TransactionTimeout.sqlstate,
        TOO_MANY_ROWS_STATE,
    }
)
# What says that a connection will not serve any more, whatever is asked on it. That the session
# only reads: it leads to a standby, such as an old primary after a failover. That it is ended. That
# it is another than the one in which a statement was prepared: somebody in between has changed it.
_LOST_CODES: Final = frozenset(
    {
        postgres.ReadOnlySqlTransaction.sqlstate,
        postgres.AdminShutdown.sqlstate,
        postgres.CrashShutdown.sqlstate,
        postgres.CannotConnectNow.sqlstate,
        postgres.IdleSessionTimeout.sqlstate,
        postgres.InvalidSqlStatementName.sqlstate,
        postgres.DuplicatePreparedStatement.sqlstate,
    }
)
_LOST_CLASS: Final = "08"
# The time of a statement, or of the whole transaction, is over.
_SPENT_CODES: Final = frozenset(
    {postgres.QueryCanceled.sqlstate, postgres.TransactionTimeout.sqlstate}
)
# What `lock_shop_rows` of an adoption says of the rows that it cannot have.
_ITEMS_TAKEN: Final = re.compile(r"stock items \{([0-9,]+)\}")
_HOW_TO_GRANT: Final = (
    "the database role may not do this; `python -m worker migrate`, under the role that owns the "
    "tables and with HOLDFAST_WORKER_ROLE set, grants a worker what it needs"
)
# What a worker may not do fails before any of these runs. Inside one it is the ledger's owner that
# may not, and with the ledger's own tables it may do all.
_OWNERS_WORK: Final = "PL/pgSQL function"
_SHOP_REFUSES: Final = (
    "a table of the adopted shop refuses the ledger's owner, and not the worker's role; "
    "`python -m worker adopt check` with the plan says which right lacks"
)
# What the functions of an adoption raise where a row is not stored as it was written.
_ROW_CHANGED_STATE: Final = "HF004"
_SCHEMA_CODES: Final = frozenset(
    {postgres.UndefinedTable.sqlstate, postgres.InvalidSchemaName.sqlstate}
)

CONSTRAINT_MEANINGS: Final = {
    "stock_items_total_not_negative": "a stock item's total would fall below zero",
    "stock_items_reserved_not_negative": "a stock item's reserved quantity would fall below zero",
    "stock_items_reserved_within_total": "a stock item would have more reserved than it has",
    "stock_items_shop_reserved_not_negative": "a shop would have less than nothing reserved",
    "stock_items_key_is_composed": "a stock item's SKU or location would have decomposed letters",
    "stock_items_key_is_seen": "a stock item's SKU or location would hold what nobody sees",
    "reservations_open_is_not_closed": "a reservation would be both open and closed",
    "reservations_held_has_deadline": "a hold would have no deadline",
    "reservations_paid_has_payment": "a reservation would be paid without a payment",
    "reservations_when_committed": "a reservation would be committed at no time",
    "reservation_lines_quantities_add_up": "a line's units would not add up",
    "reservation_lines_quantities_not_negative": "more of a line would go than is open",
    "reservation_lines_returned_within_fulfilled": "more of a line would come back than had left",
    "payments_state_known": "a payment would be in no state that there is",
    "payments_refund_has_reason": "a payment would be due back for no reason",
    "payments_waited_for_is_open": "a payment would be waited for that is decided",
    "operation_records_of_reservation": "one operation would be made twice",
    "stock_movements_deltas_fit_the_kind": "a movement's figures would not fit its kind",
    "stock_movements_reservation_fits_the_kind": "a movement would belong to the wrong thing",
    "stock_movements_once_per_operation": "an operation would move the same stock twice",
}


class LedgerError(Exception):
    """Base of the ledger's errors."""


class LedgerUnavailable(LedgerError):
    """The database could not be reached or gave up; nothing is known to have changed. Retry."""


class LedgerGaveWay(LedgerUnavailable):
    """Somebody has locked what is wanted, or waits for the ledger, for too long; nothing changed.

    Args:
        message: what the database said.
        item_ids: the stock items whose rows an adopted shop has; none where that is not known.
    """

    def __init__(self, message: str, item_ids: Iterable[int] = ()) -> None:
        super().__init__(message)
        self.item_ids = frozenset(item_ids)


class TooManyShopRows(LedgerGaveWay):
    """One transaction would hold more rows of an adopted shop than it may; nothing changed."""


class LedgerUnreachable(LedgerUnavailable):
    """There is no connection, or no schema: whatever else is asked now fails as well."""


class ConnectionLost(LedgerUnreachable):
    """The connection could not do its work any more, and left the pool; a new one may serve."""


class LedgerCorrupt(LedgerError):
    """The database refused a change because it would break an invariant; nothing changed."""


class LedgerFailed(LedgerError):
    """The database refused a statement for a reason nobody has foreseen; nothing changed."""


class ShopRefused(LedgerFailed):
    """A trigger of the adopted shop's changed or skipped what the ledger wrote; nothing changed."""


class LedgerConflict(LedgerError):
    """An id belongs to something else; that was left as it is.

    Args:
        message: which id it is, and in what the two requests differ.
        differs: the keys in which they differ, as far as it is known.
    """

    def __init__(self, message: str, differs: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.differs = tuple(differs)


class ReservationConflict(LedgerConflict):
    """The reservation id belongs to a different request; it was left as it is."""


class PaymentConflict(LedgerConflict):
    """The payment belongs to another checkout; nothing was changed.

    Args:
        payment_reference: of the payment.
        checkout_id: to which it belongs.
    """

    def __init__(self, payment_reference: str, checkout_id: str) -> None:
        super().__init__(f"payment {payment_reference} belongs to checkout {checkout_id}")
        self.payment_reference = payment_reference
        self.checkout_id = checkout_id


class AdjustmentConflict(LedgerConflict):
    """The adjustment id belongs to a different change; it was left as it is."""


class FigureUnfit(LedgerError):
    """A figure is greater than its column of the adopted shop can hold; nothing was changed."""


class RequestRefused(LedgerError):
    """A request asks for what cannot be a hold: its id is spent, and nothing is held.

    Args:
        field: of the request.
        problem: what is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class RefundNotDue(LedgerError):
    """No such payment is due back.

    Args:
        payment_reference: of the payment.
        state: where it stands; None where it is unknown.
        at: when it went back; None where it has not.
    """

    def __init__(self, payment_reference: str, state: str | None, at: datetime | None) -> None:
        super().__init__(refund_not_due(payment_reference, state, at))
        self.state = state
        self.at = at


class StockLoadRefused(LedgerError):
    """The quantities of some rows are below what is reserved; nothing was loaded.

    Args:
        rows: index into the rows given, total asked for, quantity reserved.
    """

    def __init__(self, rows: Sequence[tuple[int, int, int]]) -> None:
        self.rows = tuple(rows)
        super().__init__(f"{len(self.rows)} rows ask for less than is reserved")


class DatabaseUnfit(LedgerError):
    """The server is older than is supported, or the database's encoding is not UTF-8."""


class SessionUnfit(DatabaseUnfit):
    """The sessions of the database lack settings that the ledger relies on."""


class WorkerRoleUnfit(LedgerError):
    """The role that a worker is to run under does not exist, or grants would not bind it."""


def connection_is_lost(error: BaseException | None) -> bool:
    """Return whether an error says that its connection will not serve any more."""
    if not isinstance(error, psycopg.Error) or error.sqlstate is None:
        return False
    return error.sqlstate in _LOST_CODES or error.sqlstate.startswith(_LOST_CLASS)


def ended_by_its_time(error: BaseException | None) -> bool:
    """Return whether the server ended a session because its transaction took long.

    Nothing of it was committed, and no other session is any worse for it.
    """
    return isinstance(error, postgres.TransactionTimeout)


def ledger_error(error: exc.SQLAlchemyError) -> LedgerError | None:
    """Return what a database error means to the ledger, or None where it is none of the database's.

    What it returns is to be raised without the original as its cause: Postgres quotes whole rows
    in the details of an error, customers and payments included, and causes are logged and stored.
    """
    if isinstance(error, exc.TimeoutError):
        return LedgerUnreachable("no database connection came free in time")
    if not isinstance(error, exc.DBAPIError) or not isinstance(error.orig, psycopg.Error):
        return None
    return driver_error(error.orig, is_lost=error.connection_invalidated)


def driver_error(error: psycopg.Error, *, is_lost: bool) -> LedgerError:
    """Return what an error of the driver's means to the ledger; as :func:`ledger_error`.

    Args:
        error: of Postgres, or of the way to it.
        is_lost: whether its connection has left the pool.
    """
    if is_lost and not ended_by_its_time(error):
        what = "gave up" if error.sqlstate else "cannot be reached"
        return ConnectionLost(f"the database {what}: {_first_line(error)}")
    return _meaning(error)


def _meaning(error: psycopg.Error) -> LedgerError:
    code = error.sqlstate
    # The ledger's names have its schema; a trigger of an adopted shop's may miss one of its own.
    if code in _SCHEMA_CODES and SCHEMA in (error.diag.message_primary or ""):
        return LedgerUnreachable("the database has no schema yet: run `python -m worker migrate`")
    if code is None and isinstance(error, psycopg.OperationalError):
        return LedgerUnreachable(f"the database cannot be reached: {_first_line(error)}")
    if code and (code[:2] in _PASSING_CLASSES or code in _PASSING_CODES):
        return _passing(error)
    if code == postgres.InsufficientPrivilege.sqlstate:
        told = _SHOP_REFUSES if _OWNERS_WORK in (error.diag.context or "") else _HOW_TO_GRANT
        return LedgerUnavailable(f"{_first_line(error)}: {told}")
    name = error.diag.constraint_name
    meaning = CONSTRAINT_MEANINGS.get(name or "")
    if meaning:
        return LedgerCorrupt(f"{meaning} ({name})")
    refused = ShopRefused if code == _ROW_CHANGED_STATE else LedgerFailed
    return refused(f"the database refused a statement: {_first_line(error)} ({code})")


def _passing(error: psycopg.Error) -> LedgerUnavailable:
    if error.sqlstate == TOO_MANY_ROWS_STATE:
        return TooManyShopRows(_first_line(error))
    message = f"the database gave up: {_first_line(error)}"
    if error.sqlstate in _SPENT_CODES:
        return LedgerGaveWay(message)
    if error.sqlstate != postgres.LockNotAvailable.sqlstate:
        return LedgerUnavailable(message)
    taken = _ITEMS_TAKEN.fullmatch(error.diag.message_detail or "")
    return LedgerGaveWay(message, map(int, taken[1].split(",")) if taken else ())


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
