"""Both servers stop, or die, with open holds in them; nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade
from tests.workflows.stage import at_work, open_stage
from worker.embedded.stack import EmbeddedStack


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_open_holds_survive_a_restart_of_both_servers(data_dir: Path, ending: str):
    stack = EmbeddedStack(data_dir, time_skipping=True)
    with stack:
        engine = open_engine(stack.postgres.url, connections_max=1)
        upgrade(engine)
        engine.dispose()
        address = stack.temporal.address
        async with open_stage(stack.postgres.url, address) as stage, at_work(stage):
            till, sku = stage.till, stage.stock("MUG-01", 10)
            held = await till.reserve("paid-later", {sku: 2})
            await till.reserve("abandoned", {sku: 3}, hold_seconds=2)
            await till.reserve("sold", {sku: 1})
            sold = await till.confirm("sold")
            stage.shop.engine.dispose()
            getattr(stack, ending)()
            stack.start()
            assert stack.temporal.address == address
            assert await till.reserve("paid-later", {sku: 2}) == held
            assert (await till.confirm("paid-later"))["status"] == "fulfilled"
            assert (await till.result("abandoned"))["status"] == "expired"
            assert await till.result("sold") == sold
            assert stage.shop.figures(sku) == (7, 0, 7)
            assert stage.ledger.audit() == ()
