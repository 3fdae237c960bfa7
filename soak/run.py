"""One run from beginning to end: shop in the storm, let it calm down, judge."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import text

from activities.inventory.database.errors import LedgerUnavailable
from holdfast_client.client import ReservationClient
from soak import histories
from soak.evidence import Evidence, read_evidence
from soak.figures import Figures, fault_figures, worded
from soak.shop import Shop
from soak.shopper import Shopper
from soak.site import GRACE_SECONDS, INTERVAL_SECONDS, Site, open_site, units_for
from soak.storm import Storm
from soak.testimony import Testimony
from soak.verdict import find_violations

SHOPPERS_DEFAULT: Final = 20
# A client that gives up before the workers do, so that answers stay unknown for a while.
ANSWER_TIMEOUT_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 60.0
QUIET_SECONDS_MAX: Final = 75.0
# By how many times a run may last longer, until each kind of fault has had its turn.
LONGER_MAX: Final = 3
_LOOK_SECONDS: Final = 2.0
_TELL_SECONDS: Final = 10.0
_HELD: Final = text("SELECT count(*) FROM holdfast.reservations WHERE status = 'held'")

Announce = Callable[[str], None]


async def soak(
    data_dir: Path,
    *,
    minutes: float,
    seed: int,
    announce: Announce,
    shoppers: int = SHOPPERS_DEFAULT,
) -> Figures:
    """Run once.

    Args:
        data_dir: takes the files of the servers; of no use afterwards but to look into.
        minutes: how long faults strike, above 0; waiting for quiet and judging come on top.
        seed: of all that is drawn: carts, plans, faults. What happens still depends on timing.
        announce: told what is going on.
        shoppers: how many at once, 1 or more.

    Returns:
        The figures, with every violation found.
    """
    began = time.monotonic()
    announce(f"seed {seed}: {shoppers} shoppers, {minutes:g} minutes of faults")
    async with open_site(data_dir, units_for(minutes)) as site:
        client = ReservationClient(site.client, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
        shop = Shop(client, Testimony(), f"soak-{seed}", site.client)
        storm = Storm(site, shop, seed, announce)
        watch = Watch(site)
        helpers = [
            asyncio.create_task(storm.tend()),
            asyncio.create_task(watch.look_on()),
            asyncio.create_task(_tell(shop, storm, announce)),
        ]
        people = [
            Shopper(shop, random.Random(f"{seed}-{number}"))  # noqa: S311  # carts, not secrets
            for number in range(shoppers)
        ]
        try:
            await _shop_in_the_storm(shop, storm, people, minutes * 60)
            announce("the storm is over; waiting until all is quiet")
            await _until_quiet(site)
            announce("asking every shopper once more, and judging")
            await _ask_all_again(shop, people)
            evidence = await _gather(site, shop, watch)
        finally:
            await _end(helpers)
    violations = find_violations(
        shop.testimony, evidence, late_seconds_max=GRACE_SECONDS + INTERVAL_SECONDS
    )
    counts = shop.testimony.counts | {"blows that missed": storm.missed, "audits": watch.looks}
    return Figures(
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
        checkouts=shop.begun,
        counts=counts,
        faults=fault_figures(storm.strikes, shop.testimony),
        workers_ended_by_themselves=len(site.fleet.ended_by_themselves),
        violations=worded(violations),
    )


class Watch:
    """Looks at the figures (I1 and I2) all the time, because a breach may be gone in the end."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.breaches: set[str] = set()
        self.looks = 0

    async def look_on(self) -> None:
        """Look until cancelled; while Postgres is away there is nothing to see."""
        while True:
            try:
                found = await asyncio.to_thread(self._site.ledger.drift)
            except LedgerUnavailable:
                found = ()
            else:
                self.looks += 1
            self.breaches.update(f"meanwhile: {breach}" for breach in found)
            await asyncio.sleep(_LOOK_SECONDS)


async def _shop_in_the_storm(
    shop: Shop, storm: Storm, people: list[Shopper], seconds: float
) -> None:
    shopping = [asyncio.create_task(shopper.go_shopping()) for shopper in people]
    raging = asyncio.create_task(storm.rage())
    began = time.monotonic()
    # A fault that cannot be mended ends the run at once.
    await asyncio.wait({raging}, timeout=seconds)
    # On a slow machine not every kind of fault has come by then.
    while not (raging.done() or storm.has_had_its_turn):
        if time.monotonic() - began > seconds * LONGER_MAX:
            break
        await asyncio.wait({raging}, timeout=_LOOK_SECONDS)
    shop.closing.set()
    try:
        await raging
    finally:
        shop.patience_ends = time.monotonic() + PATIENCE_SECONDS
        await asyncio.gather(*shopping)


async def _until_quiet(site: Site) -> None:
    """Wait until nothing is held and no checkout runs, or for as long as that may take."""
    give_up = time.monotonic() + QUIET_SECONDS_MAX
    while time.monotonic() < give_up:
        held = await asyncio.to_thread(_count_held, site)
        if not held and not await histories.open_checkouts(site.client):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _count_held(site: Site) -> int:
    with site.engine.connect() as connection:
        return int(connection.execute(_HELD).scalar_one())


async def _ask_all_again(shop: Shop, people: list[Shopper]) -> None:
    shop.patience_ends = time.monotonic() + PATIENCE_SECONDS
    ids = [id for id in shop.testimony.requests if id not in shop.testimony.unanswered]

    async def ask(shopper: Shopper) -> None:
        while ids:
            await shopper.ask_again(ids.pop())

    await asyncio.gather(*(ask(shopper) for shopper in people))


async def _gather(site: Site, shop: Shop, watch: Watch) -> Evidence:
    breaches = await asyncio.to_thread(site.ledger.audit)
    still_open = await histories.open_checkouts(site.client)
    return replace(
        await asyncio.to_thread(read_evidence, site.engine),
        breaches=(*sorted(watch.breaches), *map(str, breaches)),
        failed_tasks=await histories.failed_tasks(site.client),
        open_checkouts=still_open,
        latest={
            id: await histories.latest_events(site.client, id)
            for id in {*still_open, *shop.testimony.unanswered}
        },
    )


async def _tell(shop: Shop, storm: Storm, announce: Announce) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        counts = shop.testimony.counts
        announce(
            f"{time.monotonic() - began:4.0f} s  checkouts {shop.begun}  "
            f"fulfilled {counts['told fulfilled']}  unknown {counts['met OutcomeUnknown']}  "
            f"faults {len(storm.strikes)}  forbidden {counts['troubles']}"
        )


async def _end(helpers: list[asyncio.Task[None]]) -> None:
    for helper in helpers:
        helper.cancel()
    await asyncio.wait(helpers)
    for helper in helpers:
        if not helper.cancelled() and (error := helper.exception()):
            raise error
