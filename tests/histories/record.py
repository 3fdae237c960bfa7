"""Live through every path of every workflow and write down its history, to be replayed for ever.

::

    make histories                          # into tests/histories/<version>
    python -m tests.histories.record DIR    # somewhere else

Run it once for every release that changes what a workflow does, and commit what it writes beside
what is there: the older histories stay, because checkouts like them may still be running. See
docs/versioning.md.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from activities.inventory.database.engine import open_engine
from activities.inventory.database.migrate import upgrade
from tests.adoption.plain_carts import adopted_carts
from tests.histories.settling import MUG, Settling
from tests.histories.shelf import SHELVES
from tests.histories.short_runs import ShortRuns
from tests.workflows.histories import asks_and_waits, has_gone_on, waits_again
from tests.workflows.stage import at_work, open_stage
from tests.workflows.till import failure_of, refusal_of
from tests.workflows.waiting import until
from worker.embedded.postgres import EmbeddedPostgres
from workflows.policies import RESERVE_BUDGET

WEEK_SECONDS: Final = 7 * 86_400 + 60


class Recorder(Settling):
    """Lives through the paths, one after the other."""

    # --- holds and their endings -----------------------------------------------------------------

    async def holds(self) -> None:
        await self.reserve("held")
        await self.keep("held")
        await self.reserve("paid")
        await self.till.confirm("paid")
        await self.keep_ended("paid")
        await self.reserve("denied", 1_000)
        await self.keep_ended("denied")
        await self.reserve("expired", hold_seconds=1)
        await self.keep_ended("expired")

    async def payments(self) -> None:
        await self.reserve("payment-in-flight")
        message = {"payment_reference": "pay-payment-in-flight", "seconds": 300, "actor": "web"}
        await self.till.update("payment-in-flight", "payment_started", message)
        ended = {"payment_reference": "pay-payment-in-flight", "result": "failed", "actor": "web"}
        await self.till.update("payment-in-flight", "payment_ended", ended)
        other = {"payment_reference": "pay-paid", "seconds": 300}
        await refusal_of(self.till.update("payment-in-flight", "payment_started", other))
        await refusal_of(self.till.confirm("payment-in-flight", "pay-paid"))
        await self.till.confirm("payment-in-flight")
        await self.keep_ended("payment-in-flight")
        await self.reserve("paid-twice")
        await self.till.commit("paid-twice")
        await self.till.confirm("paid-twice", "pay-second")
        await self.till.cancel("paid-twice")
        await self.keep_ended("paid-twice")

    async def cancellations(self) -> None:
        await self.reserve("cancelled-by-update")
        await self.till.cancel("cancelled-by-update")
        await self.keep_ended("cancelled-by-update")
        await self.reserve("cancelled-by-signal")
        await self.till.signal("cancelled-by-signal", "cancel", {"reason": "on the phone"})
        await self.keep_ended("cancelled-by-signal")
        await self.reserve("cancelled-by-temporal")
        await self.till.handle("cancelled-by-temporal").cancel(reason="in the Web UI")
        await self.keep_ended("cancelled-by-temporal")

    async def extensions(self) -> None:
        await self.reserve("extended-then-paid")
        await self.till.extend("extended-then-paid", 600)
        await self.till.signal("extended-then-paid", "extend", {"seconds": 60})
        await self.till.until_event("extended-then-paid", "extended", 2)
        await self.till.confirm("extended-then-paid")
        await self.keep_ended("extended-then-paid")
        await self.reserve("extension-over-cap")
        await refusal_of(self.till.extend("extension-over-cap", 86_400))
        await self.till.cancel("extension-over-cap")
        await self.keep_ended("extension-over-cap")
        await self.reserve("extension-too-late")
        self.stage.shop.cancel("extension-too-late")
        await refusal_of(self.till.extend("extension-too-late", 60))
        await self.keep_ended("extension-too-late")

    async def late(self) -> None:
        """The ledger says that somebody else was first, or that it is too early."""
        await self.reserve("paid-too-late")
        self.stage.shop.cancel("paid-too-late")
        await self.till.confirm("paid-too-late")
        await self.keep_ended("paid-too-late")
        await self.reserve("timer-too-early")
        handle = self.till.handle("timer-too-early")
        await self.stage.pass_time(handle, 901)
        await until(lambda: waits_again(handle))
        await self.till.confirm("timer-too-early")
        await self.keep_ended("timer-too-early")

    async def refusals(self) -> None:
        await self.reserve("asked-again")
        await self.reserve("asked-again")
        await refusal_of(self.till.reserve("asked-again", {MUG: 3}))
        await self.till.cancel("asked-again")
        await self.keep_ended("asked-again")
        await self.till.start("invalid-start", {})
        await failure_of(self.till.result("invalid-start"))
        await self.keep("invalid-start")
        await self.reserve("signals-ignored")
        for name in ("extend", "cancel", "no_such_signal"):
            await self.till.signal("signals-ignored", name, ["no message"])
        await self.till.until_event("signals-ignored", "signal ignored", 3)
        await self.till.confirm("signals-ignored")
        await self.keep_ended("signals-ignored")
        await self.reserve("conflict")
        await self.keep_conflict("conflict")

    async def keep_conflict(self, checkout_id: str) -> None:
        """Start a checkout whose id the ledger knows with a different request."""
        await self.till.cancel(checkout_id)
        await self.till.result(checkout_id)
        await self.till.start(checkout_id, {MUG: 3})
        await failure_of(self.till.result(checkout_id))
        await self.keep(checkout_id)

    async def parts(self) -> None:
        """What is paid and shipped later, and what is given back in parts."""
        await self.reserve("committed-then-shipped")
        await self.till.commit("committed-then-shipped")
        await self.till.commit("committed-then-shipped", "pay-another")
        for _ in range(2):
            await self.till.ship("committed-then-shipped", "s-1", {MUG: 1})
        await refusal_of(self.till.ship("committed-then-shipped", "s-2", {MUG: 2}))
        await refusal_of(self.till.extend("committed-then-shipped", 60))
        await self.till.ship("committed-then-shipped", "s-3")
        await self.keep_ended("committed-then-shipped")
        await self.reserve("committed-then-cancelled", 3)
        await self.till.commit("committed-then-cancelled")
        await self.till.ship("committed-then-cancelled", "s-1", {MUG: 1})
        await self.till.give_back("committed-then-cancelled", {MUG: 1})
        await self.till.cancel("committed-then-cancelled")
        await self.keep_ended("committed-then-cancelled")
        await self.reserve("given-back-then-paid", 3)
        await self.till.give_back("given-back-then-paid", {MUG: 1})
        await refusal_of(self.till.give_back("given-back-then-paid", {MUG: 3}))
        await self.till.confirm("given-back-then-paid")
        await self.keep_ended("given-back-then-paid")
        await self.reserve("rest-given-back", 3)
        await self.till.commit("rest-given-back")
        await self.till.ship("rest-given-back", "s-1", {MUG: 1}, rest="release")
        await self.keep_ended("rest-given-back")

    async def amendments(self) -> None:
        """Other lines in the place of the old ones, and those that cannot be had."""
        await self.reserve("amended-then-paid")
        await self.till.amend("amended-then-paid", {MUG: 3}, revision=1)
        await refusal_of(self.till.amend("amended-then-paid", {MUG: 1_000}))
        await refusal_of(self.till.amend("amended-then-paid", {MUG: 1}, revision=1))
        await self.till.confirm("amended-then-paid")
        await self.keep_ended("amended-then-paid")
        await self.reserve("committed-then-amended")
        await self.till.commit("committed-then-amended")
        await self.till.ship("committed-then-amended", "s-1", {MUG: 1})
        await self.till.amend("committed-then-amended", {MUG: 2})
        await self.till.ship("committed-then-amended", "s-2")
        await self.keep_ended("committed-then-amended")
        await self.reserve("amended-too-late")
        self.stage.shop.cancel("amended-too-late")
        await refusal_of(self.till.amend("amended-too-late", {MUG: 1}))
        await self.keep_ended("amended-too-late")

    async def others(self) -> None:
        """A checkout that takes another's units over."""
        await self.reserve("superseded")
        await self.reserve("superseding", supersedes="superseded")
        await self.keep_ended("superseded")
        await self.till.confirm("superseding")
        await self.keep_ended("superseding")

    async def carts(self) -> None:
        """What is in a cart of an adopted shop, and one that is empty."""
        with adopted_carts(self.postgres.url, {"42": {MUG: 2}, "43": {}}):
            await self.till.ask({"checkout_id": "from-cart", "cart_id": "42", "from_cart": True})
            await self.till.confirm("from-cart")
            await self.keep_ended("from-cart")
            message = {"checkout_id": "from-empty-cart", "cart_id": "43", "from_cart": True}
            handle = await self._start("CheckoutWorkflow", message, "checkout/from-empty-cart")
            await failure_of(handle.result())
            await self.keep("from-empty-cart", handle)

    async def a_week(self) -> None:
        """A committed checkout goes on in a new run."""
        await self.reserve("committed")
        await self.till.commit("committed")
        handle = self.till.handle("committed")
        first = self.stage.client.get_workflow_handle(
            handle.id, run_id=(await handle.describe()).run_id
        )
        await self.till.ship("committed", "s-1", {MUG: 1})
        await self.stage.pass_time(handle, WEEK_SECONDS)
        await until(lambda: has_gone_on(first))
        await self.till.ship("committed", "s-2")
        await self.till.result("committed")
        await self.keep("committed-first-run", first)
        await self.keep("committed-last-run", handle)

    async def many_events(self) -> None:
        await self.reserve("continued")
        first = self.till.handle("continued")
        first = self.stage.client.get_workflow_handle(
            first.id, run_id=(await first.describe()).run_id
        )
        while not await has_gone_on(first):
            await self.till.extend("continued", 1)
        await self.till.confirm("continued")
        await self.till.result("continued")
        await self.keep("continued-first-run", first)
        await self.keep("continued-last-run", self.till.handle("continued"))

    # --- without a worker, and without a database ------------------------------------------------

    async def before_a_worker(self) -> None:
        """A shopper who is gone by the time of the reserve, and messages that come before it."""
        await self.till.start("abandoned", {MUG: 2})
        await asyncio.sleep(RESERVE_BUDGET.total_seconds() + 1)
        await self.till.start("cancelled-before-the-reserve", {MUG: 2})
        await self.till.signal("cancelled-before-the-reserve", "extend", {"seconds": 60})
        await self.till.signal("cancelled-before-the-reserve", "cancel", {"reason": "at once"})
        await self.till.start("extended-before-the-reserve", {MUG: 2})
        await self.till.signal("extended-before-the-reserve", "extend", {"seconds": 60})

    async def after_its_start(self) -> None:
        await self.keep_ended("abandoned")
        await self.keep_ended("cancelled-before-the-reserve")
        await self.till.until_event("extended-before-the-reserve", "extended")
        await self.till.confirm("extended-before-the-reserve")
        await self.keep_ended("extended-before-the-reserve")

    async def outage(self) -> None:
        """A database that is away: what is asked at once becomes an activity that waits."""
        await self.reserve("paid-in-an-outage")
        self.postgres.stop()
        paid = asyncio.ensure_future(self.till.confirm("paid-in-an-outage"))
        interrupted = await self.till.start("cancelled-in-an-outage", {MUG: 2})
        await until(lambda: asks_and_waits(interrupted))
        await self.till.signal("cancelled-in-an-outage", "cancel", {"reason": "too slow"})
        await self.reserve("unavailable")
        self.stage.shop.engine.dispose()
        self.postgres.start()
        await paid
        for path in ("paid-in-an-outage", "cancelled-in-an-outage", "unavailable"):
            await self.keep_ended(path)

    # --- the other workflows ---------------------------------------------------------------------

    async def adjustments(self) -> None:
        receive = {"adjustment_id": "applied", "sku": "CUP-01", "kind": "receive", "quantity": 12}
        refused = receive | {"adjustment_id": "refused", "kind": "adjust", "quantity": -100}
        for change in (receive, refused):
            handle = await self._start(
                "AdjustStockWorkflow", change, f"stock/{change['adjustment_id']}"
            )
            await handle.result()
            await self.keep(f"adjustment-{change['adjustment_id']}", handle)
        other = receive | {"quantity": 13}
        handle = await self._start("AdjustStockWorkflow", other, "stock/applied")
        await failure_of(handle.result())
        await self.keep("adjustment-conflict", handle)
        handle = await self._start("AdjustStockWorkflow", {}, "stock/invalid")
        await failure_of(handle.result())
        await self.keep("adjustment-invalid", handle)

    async def reconciliations(self) -> None:
        for number in range(3):
            await self.reserve(f"orphan-{number}", 1, hold_seconds=1)
            await self.till.handle(f"orphan-{number}").terminate()
        await until(lambda: self.stage.ledger.count_overdue(0) == 3)
        bounds = {"grace_seconds": 0, "batch_size": 2, "batches_max": 5}
        handle = await self._start("ReconcileWorkflow", bounds, "reconcile")
        assert (await handle.result())["released"] == 3
        await self.keep("reconcile", handle)


@asynccontextmanager
async def _recorder(directory: Path, shelf: Path) -> AsyncIterator[Recorder]:
    with (
        EmbeddedPostgres(directory / "postgres") as postgres,
        ShortRuns(directory / "temporal") as temporal,
    ):
        engine = open_engine(postgres.url, connections_max=1)
        upgrade(engine)
        engine.dispose()
        async with open_stage(postgres.url, temporal.address) as stage:
            stage.stock(MUG, 100)
            yield Recorder(stage, postgres, shelf)


async def record(shelf: Path) -> None:
    """Record every path into a directory."""
    shelf.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="holdfast-histories-") as directory:
        async with _recorder(Path(directory), shelf) as recorder:
            await recorder.before_a_worker()
            async with at_work(recorder.stage, sandboxed=False):
                for path in (
                    *(recorder.after_its_start, recorder.holds, recorder.payments),
                    *(recorder.settlements, recorder.paid_late, recorder.cancellations),
                    recorder.extensions,
                    *(recorder.late, recorder.refusals, recorder.parts),
                    *(recorder.amendments, recorder.others, recorder.carts),
                    *(recorder.a_week, recorder.many_events, recorder.adjustments),
                    *(recorder.reconciliations, recorder.outage),
                ):
                    await path()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    chosen = Path(sys.argv[1]) if sys.argv[1:] else SHELVES / project["version"]
    asyncio.run(record(chosen))
    print(f"{len(list(chosen.glob('*.json')))} histories in {chosen}")
