"""The first of many holds that are over takes the others with it, though their turn is not yet."""

from __future__ import annotations

from activities.metrics import LedgerMetrics
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.waiting import until

HOLDS = 12


class SweptHolds(LedgerMetrics):
    """Remembers what it is told of sweeps."""

    count = 0

    def count_swept_holds(self, count: int) -> None:
        self.count += count


async def test_what_is_over_is_free_before_every_workflow_was_served(
    own_database_url: str, temporal_address: str, unique: str
):
    async with open_stage(own_database_url, temporal_address, unique) as stage:
        sku = stage.stock(unique, HOLDS)
        counted = SweptHolds()
        async with at_work(stage, metrics=counted):
            for number in range(HOLDS - 1):
                await stage.till.reserve(f"{unique}-{number}", {sku: 1}, hold_seconds=3_600)
            await stage.till.reserve(f"{unique}-first", {sku: 1}, hold_seconds=3_601)
            stage.turn_clock(3_700)
            # Only this one is told that its time has come.
            await stage.pass_time(stage.till.handle(f"{unique}-first"), 3_700)
            await until(lambda: stage.shop.figures(sku).reserved == 0)
            assert counted.count == HOLDS - 1
            assert _enders(stage) == {"": 1, "sweep": HOLDS - 1}
            assert (await stage.till.confirm(f"{unique}-0"))["status"] == "expired"
        assert stage.ledger.audit() == ()


def _enders(stage: Stage) -> dict[str, int]:
    rows = stage.shop.sql("SELECT actor, count(*) FROM holdfast.reservations GROUP BY 1 ORDER BY 1")
    return {row[0]: row[1] for row in rows}
