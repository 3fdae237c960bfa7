"""Shipping and giving back in a fake's ledger, under the rules of the real one."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast_client.contract.conflicts import differing_keys
from holdfast_client.contract.errors import HoldNotActive, OperationConflict, OverOpen
from holdfast_client.contract.messages import Line, PartialRelease, Shipment
from holdfast_client.contract.outcomes import (
    SHIPMENT_LINES_MAX,
    CheckoutEvent,
    Committed,
    Fulfilled,
    HeldLine,
    KnownOutcome,
    OpenOutcome,
    ShipmentReport,
)
from holdfast_client.contract.timeline import TimelineEvent
from holdfast_client.contract.wording import difference, goods
from holdfast_client.fake.ledger import Checkout, FakeLedger, summed


def ship(ledger: FakeLedger, checkout_id: str, message: Shipment) -> Committed | Fulfilled:
    """Ship units of a committed checkout, once for its shipment id."""
    checkout = ledger.checkout(checkout_id)
    id = message.shipment_id
    is_known = _is_known(checkout, "fulfil", id, message)
    if is_known and isinstance(checkout.outcome, Committed | Fulfilled):
        return checkout.outcome
    if not isinstance(checkout.outcome, Committed):
        raise _not_active(checkout)
    committed, wanted = checkout.outcome, _taken(checkout, message.lines)
    left = summed(checkout.open_lines, _negative(wanted))
    has_rest = bool(left) and message.rest == "release"
    if has_rest and ("release", id) in checkout.parts:
        raise _conflict(("rest",))
    checkout.parts["fulfil", id] = message
    ledger.move(checkout, "fulfil", wanted)
    checkout.shipped = summed(checkout.shipped, wanted)
    checkout.shipments.append(
        ShipmentReport(
            shipment_id=id,
            at=ledger.now,
            units=_units(wanted),
            lines=wanted[:SHIPMENT_LINES_MAX],
            lines_left_out=max(len(wanted) - SHIPMENT_LINES_MAX, 0),
        )
    )
    _tell(
        ledger,
        checkout,
        TimelineEvent(
            at=ledger.now,
            event="shipped",
            actor=message.actor,
            units=_units(wanted),
            shipment_id=id,
        ),
    )
    checkout.outcome = committed.model_copy(update={"lines": left})
    if has_rest:
        checkout.parts["release", id] = message
        _give_back(
            ledger,
            checkout,
            left,
            TimelineEvent(at=ledger.now, event="released", actor=message.actor, units=_units(left)),
        )
    return _ended(ledger, checkout, committed, actor=message.actor)


def give_back(
    ledger: FakeLedger, checkout_id: str, message: PartialRelease, release_id: str
) -> KnownOutcome:
    """Give units of a hold or of a committed checkout back, once for the id."""
    checkout = ledger.checkout(checkout_id)
    if _is_known(checkout, "release", release_id, message):
        return checkout.outcome
    if not isinstance(checkout.outcome, OpenOutcome):
        raise _not_active(checkout)
    wanted = _taken(checkout, message.lines)
    checkout.parts["release", release_id] = message
    told = TimelineEvent(
        at=ledger.now,
        event="released",
        actor=message.actor,
        reason=message.reason,
        units=_units(wanted),
    )
    if wanted == checkout.open_lines:
        ending = checkout.given_back_whole(message.reason, message.actor, ledger.now)
        _tell(ledger, checkout, told)
        return ledger.end(checkout, ending, actor=message.actor, reason=message.reason)
    _give_back(ledger, checkout, wanted, told)
    return checkout.outcome


def _give_back(
    ledger: FakeLedger, checkout: Checkout, lines: tuple[HeldLine, ...], told: TimelineEvent
) -> None:
    if not isinstance(checkout.outcome, OpenOutcome):
        raise _not_active(checkout)
    ledger.move(checkout, "release", lines)
    checkout.released = summed(checkout.released, lines)
    left = summed(checkout.open_lines, _negative(lines))
    checkout.outcome = checkout.outcome.model_copy(
        update={"lines": left, "revision": checkout.outcome.revision + 1}
    )
    _tell(ledger, checkout, told)


def _ended(
    ledger: FakeLedger, checkout: Checkout, committed: Committed, *, actor: str
) -> Committed | Fulfilled:
    """End a committed checkout where nothing of it is open any more."""
    if isinstance(checkout.outcome, Committed) and checkout.open_lines:
        return checkout.outcome
    fulfilled = Fulfilled(
        payment_reference=committed.payment_reference,
        lines=checkout.shipped,
        released=checkout.released,
        at=ledger.now,
    )
    ledger.end(checkout, fulfilled, actor=actor)
    return fulfilled


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
    if any(line.quantity < 0 for line in summed(checkout.open_lines, _negative(taken))):
        raise _over_open(checkout)
    return taken


def _is_known(checkout: Checkout, kind: str, id: str, message: Shipment | PartialRelease) -> bool:
    known = checkout.parts.get((kind, id))
    if known is None or known == message:
        return known is not None
    if type(known) is not type(message):
        raise _conflict(("lines",))
    raise _conflict(differing_keys(known, message))


def _negative(lines: tuple[HeldLine, ...]) -> tuple[HeldLine, ...]:
    return tuple(line.model_copy(update={"quantity": -line.quantity}) for line in lines)


def _units(lines: tuple[HeldLine, ...]) -> int:
    return sum(line.quantity for line in lines)


def _tell(ledger: FakeLedger, checkout: Checkout, event: TimelineEvent) -> None:
    checkout.story.append(event)
    checkout.events.append(
        CheckoutEvent(at=ledger.now, event=event.event, actor=event.actor, reason=event.reason)
    )


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


def _not_active(checkout: Checkout) -> HoldNotActive:
    return HoldNotActive(
        f"nothing can be taken out: the checkout is {checkout.outcome.status}",
        {"standing": checkout.outcome.model_dump(mode="json")},
    )
