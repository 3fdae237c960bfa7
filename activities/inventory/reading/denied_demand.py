"""Lost demand: what was asked for and denied."""

from __future__ import annotations

from activities.inventory.database.calls import Call, Steps
from activities.inventory.history_records import DeniedDemand, DeniedPeriod
from activities.inventory.sql.statements.timelines import READ_DENIED_DEMAND


def read_denied_demand(period: DeniedPeriod) -> Steps[tuple[DeniedDemand, ...]]:
    """Return what was asked for and denied, by day, stock item and reason."""
    rows = yield Call(
        READ_DENIED_DEMAND,
        {
            "since": period.since,
            "until": period.until,
            "sku": period.sku,
            "rows_max": period.limit,
        },
    )
    return tuple(DeniedDemand(*row) for row in rows)
