"""The check of the invariants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from activities.inventory.database.calls import Call, Steps
from activities.inventory.records import Breach, Invariant
from activities.inventory.sql.statements import audits as statements

BREACHES_MAX: Final = 1_000

Audit = tuple[Invariant, str]

# These read stock items and open lines only, so they cost the same however much is closed.
PRESENT_AUDITS: Final[tuple[Audit, ...]] = (
    ("I1", statements.WITHIN_TOTAL),
    ("I2", statements.RESERVED_IS_OPEN),
)
# What is looked at every minute: beside the figures, whether anybody still follows an adopted shop.
DRIFT_AUDITS: Final[tuple[Audit, ...]] = (*PRESENT_AUDITS, ("I5", statements.SHOP_IS_FOLLOWED))
# These read all that ever happened, or every row of an adopted shop.
HISTORY_AUDITS: Final[tuple[Audit, ...]] = (
    ("I3", statements.FIGURES_ARE_MOVEMENTS),
    ("I4", statements.LINES_ARE_MOVEMENTS),
    ("I5", statements.SHOP_IS_EQUAL),
    ("I6", statements.PAYMENTS_SETTLE_ONCE),
)


def find_breaches(
    audits: Sequence[Audit], announce: Callable[[str], None]
) -> Steps[tuple[Breach, ...]]:
    """Return what breaks these invariants, in one snapshot, so that all speak of one moment.

    Args:
        audits: which to check.
        announce: told the name of each before it is checked.
    """
    breaches: list[Breach] = []
    yield Call(statements.PLAN_FREELY, {})
    for invariant, statement in audits:
        announce(invariant)
        rows = yield Call(statement, {"breaches_max": BREACHES_MAX})
        breaches += [Breach(invariant, row.subject, row.finding) for row in rows]
    return tuple(breaches)
