"""Shipping and giving back in a shop in memory, of a checkout that is held or committed."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast_client.contract.conflicts import differing_keys
from holdfast_client.contract.digests import shipment_digest
from holdfast_client.contract.errors import HoldNotActive, OperationConflict, OverOpen
from holdfast_client.contract.messages import Line, PartialRelease, Shipment
from holdfast_client.contract.outcomes import (
    SHIPMENT_LINES_MAX,
    Committed,
    Fulfilled,
    HeldLine,
    KnownOutcome,
    OpenOutcome,
    ShipmentReport,
)
from holdfast_client.contract.timeline import TimelineEvent
from holdfast_client.contract.wording import difference, goods
from holdfast_client.fake.shop import Checkout, MemoryShop, summed


def ship(shop: MemoryShop, checkout: Checkout, message: Shipment) -> KnownOutcome:
    """Ship units of a committed checkout, once for its shipment id."""
    id, committed = message.shipment_id, checkout.outcome
    if id in checkout.asked_shipments:
        if differs := differing_keys(checkout.asked_shipments[id], message):
            raise _conflict(differs)
        if refusal := checkout.refused_shipments.get(id):
            raise refusal
        return committed
    try:
        if not isinstance(committed, Committed):
            raise checkout.not_active("it is not committed")
        wanted = _taken(checkout, message.lines)
    except (HoldNotActive, OverOpen) as refusal:
        if isinstance(committed, OpenOutcome):
            # For good: who tries again takes another id.
            checkout.asked_shipments[id], checkout.refused_shipments[id] = message, refusal
        raise
    rest = less(checkout.open_lines, wanted) if message.rest == "release" else ()
    if rest and id in checkout.releases:
        raise _conflict(("rest",))
    checkout.asked_shipments[id] = message
    _ship(shop, checkout, wanted, message)
    if rest:
        checkout.releases.add(id)
        _give_back(shop, checkout, rest, message.actor)
    if checkout.open_lines:
        return checkout.outcome
    fulfilled = Fulfilled(
        payment_reference=committed.payment_reference,
        lines=checkout.shipped,
        released=checkout.released,
        at=shop.now,
        reinstated=checkout.attempt > 1,
    )
    return shop.end(checkout, fulfilled, actor=message.actor)


def give_back(
    shop: MemoryShop, checkout: Checkout, message: PartialRelease, release_id: str
) -> KnownOutcome:
    """Give units of a hold or of a committed checkout back."""
    # Refused as well: the rest of a shipment could not be on record under the same id.
    checkout.releases.add(release_id)
    wanted = _taken(checkout, message.lines)
    if wanted != checkout.open_lines:
        _give_back(shop, checkout, wanted, message.actor, message.reason)
        return checkout.outcome
    ending = checkout.given_back_whole(message.reason, message.actor, shop.now)
    _tell_release(shop, checkout, wanted, message.actor, message.reason)
    return shop.end(checkout, ending, actor=message.actor, reason=message.reason)


def _ship(
    shop: MemoryShop, checkout: Checkout, lines: tuple[HeldLine, ...], message: Shipment
) -> None:
    shop.move(checkout, "fulfil", lines)
    checkout.shipped = summed(checkout.shipped, lines)
    _leave_open(checkout, less(checkout.open_lines, lines))
    checkout.shipments.append(
        ShipmentReport(
            shipment_id=message.shipment_id,
            at=shop.now,
            units=units_of(lines),
            lines=lines[:SHIPMENT_LINES_MAX],
            lines_left_out=max(len(lines) - SHIPMENT_LINES_MAX, 0),
        )
    )
    checkout.tell(
        TimelineEvent(
            at=shop.now,
            event="shipped",
            actor=message.actor,
            units=units_of(lines),
            shipment_id=message.shipment_id,
            digest=shipment_digest(message),
        )
    )


def _give_back(
    shop: MemoryShop,
    checkout: Checkout,
    lines: tuple[HeldLine, ...],
    actor: str,
    reason: str = "",
) -> None:
    shop.move(checkout, "release", lines)
    checkout.released = summed(checkout.released, lines)
    _leave_open(checkout, less(checkout.open_lines, lines), revisions=1)
    _tell_release(shop, checkout, lines, actor, reason)


def _tell_release(
    shop: MemoryShop, checkout: Checkout, lines: tuple[HeldLine, ...], actor: str, reason: str
) -> None:
    checkout.tell(
        TimelineEvent(
            at=shop.now, event="released", actor=actor, reason=reason, units=units_of(lines)
        )
    )


def _leave_open(checkout: Checkout, lines: tuple[HeldLine, ...], revisions: int = 0) -> None:
    outcome = checkout.outcome
    assert isinstance(outcome, OpenOutcome)
    revision = outcome.revision + revisions
    checkout.outcome = outcome.model_copy(update={"lines": lines, "revision": revision})


def _taken(checkout: Checkout, wanted: Sequence[Line] | None) -> tuple[HeldLine, ...]:
    """Return what a part takes, or raise OverOpen."""
    if wanted is None:
        return checkout.open_lines
    taken: tuple[HeldLine, ...] = ()
    for line in wanted:
        places = [
            known.location
            for known in checkout.open_lines
            if known.sku == line.sku and line.location in {None, known.location}
        ]
        # Without a location it must be clear which is meant.
        if len(places) != 1:
            raise _over_open(checkout)
        part = HeldLine(sku=line.sku, location=places[0], quantity=line.quantity)
        taken = summed(taken, (part,))
    if any(line.quantity < 0 for line in less(checkout.open_lines, taken)):
        raise _over_open(checkout)
    return taken


def less(lines: tuple[HeldLine, ...], taken: tuple[HeldLine, ...]) -> tuple[HeldLine, ...]:
    """Return what is left of lines, below 0 where more is taken than there is."""
    negative = (line.model_copy(update={"quantity": -line.quantity}) for line in taken)
    return summed(lines, tuple(negative))


def units_of(lines: tuple[HeldLine, ...]) -> int:
    """Return how many units lines are in all."""
    return sum(line.quantity for line in lines)


def _over_open(checkout: Checkout) -> OverOpen:
    lines = checkout.open_lines
    return OverOpen(
        f"that is more than is open; open is {goods(lines)}",
        {"lines": [line.model_dump() for line in lines]},
    )


def _conflict(differs: tuple[str, ...]) -> OperationConflict:
    return OperationConflict(
        f"the id was used with other content{difference(differs)}", {"differs": list(differs)}
    )
