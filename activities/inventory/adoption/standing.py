"""How an adoption stands, and taking off what the shop's code has lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine

from activities.inventory.adoption import statements
from activities.inventory.adoption.plan import Plan
from activities.inventory.adoption.steps import AdoptionRefused
from activities.inventory.database.engine import transaction
from activities.inventory.sql.statements.audits import PLAN_FREELY

ROWS_LISTED_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """How an adoption stands.

    Args:
        table: the shop's table of stock.
        begun_at: when the plan was applied.
        done_at: since when every row is in; None while it goes on, or was broken off.
        rows: how many are in.
        held: units that checkouts hold of them.
        shop_reserved: units that the shop's own code has reserved.
        put_back: how many writes of the shop's were put back, and how often something of a checkout
            could not be shown to it.
        shop_reserved_rows: the rows with most of those units (at most ``ROWS_LISTED_MAX``).
        shop_reserved_rows_left_out: how many more.
        put_back_rows: which writes, those to rows of stock first, and the latest of each first (at
            most ``ROWS_LISTED_MAX``).
        put_back_rows_left_out: how many more; of checkouts the latest ones alone are kept.
        breaches: what breaks I5, of its names, its switches and its rows (of each kind at most
            ``ROWS_LISTED_MAX``).
    """

    table: str
    begun_at: datetime
    done_at: datetime | None
    rows: int
    held: int
    shop_reserved: int
    put_back: int
    shop_reserved_rows: tuple[Mapping[str, Any], ...]
    shop_reserved_rows_left_out: int
    put_back_rows: tuple[Mapping[str, Any], ...]
    put_back_rows_left_out: int
    breaches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drained:
    """What taking off came to: the figures afterwards, where `drained`, else as they stand."""

    drained: bool
    total: int
    reserved: int
    shop_reserved: int


def read_standing(engine: Engine) -> Standing | None:
    """Return how the adoption stands; None where nothing is adopted."""
    bounds = {"rows_max": ROWS_LISTED_MAX}
    with transaction(engine) as connection:
        # It reads all rows.
        connection.exec_driver_sql(PLAN_FREELY.replace("%%", "%"))

        def asked(statement: str, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
            return connection.exec_driver_sql(statement, dict(values or {}) or None).all()

        if not asked(statements.READ_SERVER)[0].has_adoption:
            return None
        (adoption,), (counts,) = asked(statements.READ_ADOPTION), asked(statements.READ_STATUS)
        reserved = asked(statements.READ_SHOP_RESERVED, bounds)
        put_back = asked(statements.READ_PUT_BACK, bounds)
        breaches = asked(statements.FIND_BREACHES, {"rows": True, "breaches_max": ROWS_LISTED_MAX})
    return Standing(
        table=adoption.plan["stock"]["table"],
        begun_at=adoption.begun_at,
        done_at=adoption.done_at,
        rows=counts.rows,
        held=counts.held,
        shop_reserved=counts.shop_reserved,
        put_back=counts.put_back,
        shop_reserved_rows=tuple(row._mapping for row in reserved),
        shop_reserved_rows_left_out=counts.rows_with_shop_reserved - len(reserved),
        put_back_rows=tuple(row._mapping for row in put_back),
        put_back_rows_left_out=counts.put_back_rows - len(put_back),
        breaches=tuple(f"{row.subject}: {row.finding}" for row in breaches),
    )


def drain(engine: Engine, plan: Plan, sku: str, units: int, *, reason: str, actor: str) -> Drained:
    """Take off units that the shop's code has reserved and lost.

    Args:
        engine: of the role that owns the ledger.
        plan: the one that is applied.
        sku: of an adopted row.
        units: 1 or more.
        reason: why, for the record.
        actor: who says so.

    Raises:
        AdoptionRefused: this plan is not applied, or has no such SKU.
        LedgerUnavailable: the shop had the row for too long; ask again.
    """
    values = {"sku": sku, "units": units, "reason": reason, "actor": actor}
    with transaction(engine) as connection:
        server = connection.exec_driver_sql(statements.READ_SERVER).one()
        if not server.has_adoption or connection.exec_driver_sql(
            statements.READ_ADOPTION
        ).one().plan != plan.model_dump(mode="json"):
            raise AdoptionRefused(["this plan is not applied"])
        found = connection.exec_driver_sql(statements.DRAIN, values).one_or_none()
    if found is None:
        raise AdoptionRefused([f"no row of {plan.stock.table} has the SKU {sku}"])
    return Drained(*found)
