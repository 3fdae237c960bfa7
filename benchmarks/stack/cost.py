"""What a checkout costs at a Temporal that is paid for by use: actions, history events, bytes."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.client import Client

from benchmarks.case import ONLY_SETTING, Bar, CaseFailed, Contender, Reading, Scale, View
from benchmarks.results import CaseResult
from benchmarks.stack.programs import start_worker
from benchmarks.stack.site import Site, running_site
from holdfast_client import Held, ReservationClient
from holdfast_client.contract.names import checkout_workflow_id

PAID: Final = "paid"
ABANDONED: Final = "abandoned"
CANCELLED: Final = "cancelled"
DENIED: Final = "denied"
AMENDED: Final = "amended once, then paid"
SHIPPED: Final = "committed, then shipped"
SHIPPED_IN_PARTS: Final = "shipped in two parcels"
EXTENDED: Final = "extended once, then paid"
AT_THE_BANK: Final = "at the bank once in vain, then paid"
SKU: Final = "COST-01"
AT_ONCE: Final = 5
UNITS: Final = 100_000
CLOSED_SECONDS_MAX: Final = 60.0
# The server shows its counters with a delay of a second or so.
SETTLED_SECONDS: Final = 2.0
SETTLING_SECONDS_MAX: Final = 60.0
_LOOK_AGAIN_SECONDS: Final = 0.2
_HOLD_SECONDS: Final = 900
_ACTION: Final = re.compile(r"^action\{([^}]*)\} (\S+)$", re.MULTILINE)
_ACTION_TYPE: Final = re.compile(r'action_type="([^"]+)"')

_Life = Callable[[ReservationClient, str], Awaitable[object]]


@dataclass(frozen=True)
class Kind:
    """A way for a checkout to go: its life, the status it must end with, the bar on actions."""

    name: str
    life: _Life
    status: str
    actions_max: float | None


async def _paid(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id)
    return await shop.confirm(checkout_id, f"payment of {checkout_id}")


async def _abandoned(shop: ReservationClient, checkout_id: str) -> object:
    return await shop.reserve(checkout_id, [(SKU, 1)], hold_seconds=1)


async def _cancelled(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id)
    return await shop.cancel(checkout_id, reason="changed my mind")


async def _denied(shop: ReservationClient, checkout_id: str) -> object:
    return await shop.reserve(checkout_id, [(SKU, UNITS + 1)], hold_seconds=_HOLD_SECONDS)


async def _extended(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id)
    await shop.extend(checkout_id, 600, reason="asked on the phone")
    return await shop.confirm(checkout_id, f"payment of {checkout_id}")


async def _amended(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id)
    await shop.amend(checkout_id, [(SKU, 2)])
    return await shop.confirm(checkout_id, f"pay-{checkout_id}")


async def _shipped(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id, 2)
    await shop.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
    return await shop.fulfil(checkout_id, "all")


async def _shipped_in_parts(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id, 2)
    await shop.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
    await shop.fulfil(checkout_id, "first", [(SKU, 1)])
    return await shop.fulfil(checkout_id, "rest")


async def _at_the_bank(shop: ReservationClient, checkout_id: str) -> object:
    await _hold(shop, checkout_id)
    # For longer than it is held, so that its timer moves, twice.
    await shop.payment_started(checkout_id, f"declined-{checkout_id}", 2 * _HOLD_SECONDS)
    await shop.payment_ended(checkout_id, f"declined-{checkout_id}")
    return await shop.confirm(checkout_id, f"pay-{checkout_id}")


async def _hold(shop: ReservationClient, checkout_id: str, units: int = 1) -> None:
    outcome = await shop.reserve(checkout_id, [(SKU, units)], hold_seconds=_HOLD_SECONDS)
    if not isinstance(outcome, Held):
        raise CaseFailed(f"{checkout_id} was not held: {outcome}")


KINDS: Final = (
    Kind(PAID, _paid, "fulfilled", 6),
    Kind(ABANDONED, _abandoned, "expired", 6),
    Kind(CANCELLED, _cancelled, "cancelled", None),
    Kind(DENIED, _denied, "denied", 4),
    Kind(EXTENDED, _extended, "fulfilled", None),
    # Two more than a paid one, and two more for each further shipment: neither starts a timer.
    Kind(AMENDED, _amended, "fulfilled", 8),
    Kind(SHIPPED, _shipped, "fulfilled", 9),
    Kind(SHIPPED_IN_PARTS, _shipped_in_parts, "fulfilled", 11),
    # Each of the two messages moves the timer.
    Kind(AT_THE_BANK, _at_the_bank, "fulfilled", 12),
)


class CostCase:
    """Actions, events and bytes of each kind of checkout."""

    name = "cost"
    title = "What a checkout costs at Temporal"
    about = (
        "Read from the server: billable actions from its own counter, divided over the checkouts "
        "of a round; events and bytes from its description of each closed workflow. One line."
    )
    views: Sequence[View] = (View("One checkout", ("actions", "history events", "history bytes")),)
    page_figures: Sequence[str] = ("actions", "history events", "history bytes")

    def settings(self, scale: Scale) -> Sequence[str]:  # noqa: ARG002  # at every scale
        return (ONLY_SETTING,)

    def rounds(self, scale: Scale) -> int:  # noqa: ARG002  # the figures do not vary
        return 1

    @contextmanager
    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> Iterator[Sequence[Contender]]:
        with running_site(directory, announce, metrics_port=0) as site, ExitStack() as programs:
            worker = start_worker(["worker"], site.worker_environment, site.log_path("worker"))
            programs.enter_context(worker)
            site.load_stock([SKU], UNITS)
            checkouts = scale.pick(50, 20, 3)
            count = ActionCount(site)
            yield [CostContender(kind, site, count, checkouts) for kind in KINDS]

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        return [
            Bar(
                f"Billable actions of a checkout that is {kind.name}",
                result.median(kind.name, ONLY_SETTING, "actions"),
                at_most=kind.actions_max,
            )
            for kind in KINDS
            if kind.actions_max is not None
        ]


def _readings(checkouts: int, actions: dict[str, float], events: int, bytes: int) -> list[Reading]:
    each = {kind: round(count / checkouts, 2) for kind, count in actions.items() if count}
    return [
        Reading("actions", round(sum(actions.values()) / checkouts, 2), ""),
        Reading("history events", round(events / checkouts, 2), ""),
        Reading("history bytes", bytes // checkouts, "B"),
        *(Reading(f"actions: {kind}", count, "") for kind, count in each.items()),
    ]


class ActionCount:
    """The server's count of billable actions, and by how much it grew since it was last read.

    Reading takes seconds, because the count comes late. So the end of one kind's reading is the
    begin of the next one's.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._last: dict[str, float] | None = None

    def begin(self) -> None:
        """Read where it stands, the first time; all kinds have been prepared by then."""
        if self._last is None:
            self._last = self._settled()

    def grown(self) -> dict[str, float]:
        """Return how many actions of each kind came since the last reading, and read."""
        assert self._last is not None, "begin comes first"
        before, self._last = self._last, self._settled()
        return {kind: count - before.get(kind, 0.0) for kind, count in self._last.items()}

    def _settled(self) -> dict[str, float]:
        """Return the count, once it has not changed for a while."""
        began = changed = time.monotonic()
        counts = self._read()
        while (now := time.monotonic()) - changed < SETTLED_SECONDS:
            if now - began > SETTLING_SECONDS_MAX:
                raise CaseFailed("the server's count of actions does not come to rest")
            time.sleep(_LOOK_AGAIN_SECONDS)
            counts, counts_before = self._read(), counts
            if counts != counts_before:
                changed = time.monotonic()
        return counts

    def _read(self) -> dict[str, float]:
        url = self._site.stack.temporal.metrics_url
        assert url is not None
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own server
            text = answer.read().decode()
        counts: dict[str, float] = {}
        for labels, count in _ACTION.findall(text):
            (kind,) = _ACTION_TYPE.findall(labels)
            counts[kind] = counts.get(kind, 0.0) + float(count)
        return counts


class CostContender:
    """One kind of checkout."""

    def __init__(self, kind: Kind, site: Site, count: ActionCount, checkouts: int) -> None:
        self.name = kind.name
        self._kind = kind
        self._site = site
        self._count = count
        self._checkouts = checkouts

    def prepare(self) -> None:
        """Make the first checkout, which may cost what later ones do not."""
        asyncio.run(self._live("warm-up", 1))

    def run(self, setting: str, round: int) -> Sequence[Reading]:  # noqa: ARG002  # the only one
        self._count.begin()
        events, bytes = asyncio.run(self._live(f"round-{round}", self._checkouts))
        return _readings(self._checkouts, self._count.grown(), events, bytes)

    def audit(self) -> Sequence[Reading]:
        self._site.audit()
        return []

    async def _live(self, name: str, checkouts: int) -> tuple[int, int]:
        """Live so many checkouts to their ends; return the events and bytes of all histories."""
        address = self._site.stack.temporal.address
        shop = await ReservationClient.connect(address)
        temporal = await Client.connect(address)
        # Few at once: a call that the server has to hold for long is counted more than once.
        places = asyncio.Semaphore(AT_ONCE)
        prefix = f"{self.name.split()[0].strip(',')}-{name}"
        ids = [f"{prefix}-{number}" for number in range(checkouts)]
        await asyncio.gather(*(self._one(shop, checkout_id, places) for checkout_id in ids))
        sizes = [await self._ended(temporal, checkout_id) for checkout_id in ids]
        return sum(events for events, _ in sizes), sum(bytes for _, bytes in sizes)

    async def _one(
        self, shop: ReservationClient, checkout_id: str, places: asyncio.Semaphore
    ) -> None:
        async with places:
            await self._kind.life(shop, checkout_id)

    async def _ended(self, temporal: Client, checkout_id: str) -> tuple[int, int]:
        """Wait for a checkout's end; return its history's events and bytes.

        Raises:
            CaseFailed: it ended another way than its kind does.
        """
        handle = temporal.get_workflow_handle(checkout_workflow_id(checkout_id))
        async with asyncio.timeout(CLOSED_SECONDS_MAX):
            outcome = await handle.result()
        if outcome["status"] != self._kind.status:
            raise CaseFailed(f"{checkout_id} is no {self.name} checkout: {outcome}")
        description = await handle.describe()
        bytes = description.raw_description.workflow_execution_info.history_size_bytes
        return description.history_length, bytes
