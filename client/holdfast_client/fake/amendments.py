"""Amending in a shop in memory, of a checkout that is held or committed."""

from __future__ import annotations

from holdfast_client.contract.errors import AmendmentRefused, RevisionConflict
from holdfast_client.contract.fields import LINES_EVER_MAX
from holdfast_client.contract.limits import TOO_MANY_LINES, line_limit
from holdfast_client.contract.messages import Amendment, merged
from holdfast_client.contract.outcomes import HeldLine, KnownOutcome, OpenOutcome
from holdfast_client.contract.timeline import TimelineEvent
from holdfast_client.fake.holding import shortage_of
from holdfast_client.fake.parts import less, units_of
from holdfast_client.fake.shop import Checkout, MemoryShop, summed


def amend(shop: MemoryShop, checkout: Checkout, message: Amendment) -> KnownOutcome:
    """Make other lines all that is open of a checkout, or change nothing."""
    standing = checkout.outcome
    if not isinstance(standing, OpenOutcome):
        raise checkout.not_active("there is nothing to amend")
    if message.revision not in {None, standing.revision}:
        raise _stale(standing)
    wanted = tuple(
        HeldLine(sku=line.sku, location=line.location or "", quantity=line.quantity)
        for line in merged(message.lines)
    )
    _require_few(checkout, wanted)
    _require(shop, checkout, wanted)
    _move(shop, checkout, less(wanted, checkout.open_lines))
    revision = standing.revision + 1
    checkout.outcome = standing.model_copy(update={"lines": wanted, "revision": revision})
    checkout.tell(
        TimelineEvent(
            at=shop.now,
            event="amended",
            actor=message.actor,
            reason=message.reason,
            units=units_of(wanted),
        )
    )
    return checkout.outcome


def _move(shop: MemoryShop, checkout: Checkout, moved: tuple[HeldLine, ...]) -> None:
    shop.move(checkout, "amend", moved)
    given_up = less((), tuple(line for line in moved if line.quantity < 0))
    checkout.released = summed(checkout.released, given_up)


def _require_few(checkout: Checkout, wanted: tuple[HeldLine, ...]) -> None:
    """Raise AmendmentRefused where it would come to have had too many lines."""
    had = {(line.sku, line.location) for line in checkout.taken}
    more = len({(line.sku, line.location) for line in wanted} - had)
    if more and len(had) + more > LINES_EVER_MAX:
        raise AmendmentRefused(
            f"the checkout stays as it was: {TOO_MANY_LINES}",
            {"shortages": [], "limits": [line_limit(len(had), more)]},
        )


def _require(shop: MemoryShop, checkout: Checkout, wanted: tuple[HeldLine, ...]) -> None:
    """Raise AmendmentRefused where some of it cannot be had."""
    own = {(line.sku, line.location): line.quantity for line in checkout.open_lines}
    found = (shortage_of(shop, n, own.get((n.sku, n.location), 0), checkout) for n in wanted)
    shortages = [short.model_dump(mode="json") for short in found if short]
    if shortages:
        raise AmendmentRefused(
            "the checkout stays as it was: some of the lines cannot be had",
            {"shortages": shortages, "limits": []},
        )


def _stale(standing: OpenOutcome) -> RevisionConflict:
    return RevisionConflict(
        f"the lines were changed meanwhile: they are of revision {standing.revision}",
        {"revision": standing.revision, "lines": [line.model_dump() for line in standing.lines]},
    )
