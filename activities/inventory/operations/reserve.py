"""Reserve: hold all lines of a request, or none and record why.

What fits needs no decision and is one call. Where that finds something to decide, the rule decides
in a transaction, and while overdue holds stand in somebody's way nobody is denied: the transaction
is undone, they are ended, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

from activities.inventory.allocation.places import place_of
from activities.inventory.allocation.rule import allocate
from activities.inventory.allocation.wants import Demand, Pick, Shortfall, Want
from activities.inventory.database.calls import Call, SomethingToDecide, Steps
from activities.inventory.database.errors import RequestRefused, ReservationConflict
from activities.inventory.operations.carts import Cart, read_carts, reserve_state
from activities.inventory.operations.overdue import look_for_overdue, without_overdue
from activities.inventory.operations.shortages import (
    LockedStock,
    lock_levels,
    short_items,
    tell_shortages,
)
from activities.inventory.operations.standing import read_rows
from activities.inventory.records import (
    ReservationState,
    held_state,
    shortages_json,
)
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.digests import REQUEST_KEYS, keys_that_differ, request_digest
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.outcomes import Denied, HeldLine
from holdfast_client.contract.wording import difference

ReserveAnswer = ReservationState | ReservationConflict | RequestRefused


@dataclass(frozen=True, slots=True)
class ReserveBatch:
    """Requests in the order they came; of equal checkout ids the first counts.

    Args:
        asked: checkout id and digest of each request.
        requests: what is asked for, normalized, by checkout id.
        digests: of what is asked for, by checkout id.
    """

    asked: Sequence[tuple[str, str]]
    requests: Mapping[str, CheckoutRequest]
    digests: Mapping[str, str]

    @classmethod
    def of(cls, requests: Iterable[CheckoutRequest]) -> ReserveBatch:
        """Sort out requests as they came."""
        asked: list[tuple[str, str]] = []
        by_id: dict[str, CheckoutRequest] = {}
        digests: dict[str, str] = {}
        for request in requests:
            normalized = request.normalized()
            digest = request_digest(normalized)
            asked.append((request.checkout_id, digest))
            by_id.setdefault(request.checkout_id, normalized)
            digests.setdefault(request.checkout_id, digest)
        return cls(asked, by_id, digests)

    @property
    def of_carts(self) -> Mapping[str, CheckoutRequest]:
        """Requests that leave their lines to a cart, by checkout id."""
        return {id: each for id, each in self.requests.items() if each.from_cart}

    def with_carts(self, carts: Mapping[str, Cart]) -> ReserveBatch:
        """Return the batch with what was read of carts, by checkout id; digests stay."""
        read = {
            id: self.requests[id].model_copy(
                update={"lines": cart.lines, "customer_id": cart.customer_id}
            )
            for id, cart in carts.items()
        }
        return replace(self, requests={**self.requests, **read})

    def demands(self, checkout_ids: Iterable[str]) -> list[Demand]:
        """Return what is asked for under these ids."""
        return [
            Demand(
                id,
                tuple(
                    Want(line.sku, line.location, line.quantity) for line in self.requests[id].lines
                ),
            )
            for id in checkout_ids
        ]

    def claims(self) -> dict[str, list[Any]]:
        """Return the columns by which ids are claimed."""
        requests = self.requests.values()
        return {
            "checkout_ids": list(self.requests),
            "customer_ids": [request.customer_id for request in requests],
            "cart_ids": [request.cart_id for request in requests],
            "digests": list(self.digests.values()),
        }

    def picks(self) -> dict[str, list[Any]]:
        """Return the columns by which all is claimed and held: every line names its location."""
        lines = [
            (number, line)
            for number, request in enumerate(self.requests.values(), 1)
            for line in request.lines
        ]
        return {
            **self.claims(),
            "seconds": [request.hold_seconds for request in self.requests.values()],
            "line_checkouts": [number for number, _ in lines],
            "line_skus": [line.sku for _, line in lines],
            "line_locations": [line.location for _, line in lines],
            "line_quantities": [line.quantity for _, line in lines],
        }

    def answers(
        self,
        digests: Mapping[str, str | None],
        states: Mapping[str, ReservationState | RequestRefused],
    ) -> tuple[ReserveAnswer, ...]:
        """Answer each request.

        Args:
            digests: what each reservation is about. A tombstone has none: whatever was asked, the
                answer is that it is over.
            states: where each reservation stands, or why its request was refused.
        """
        return tuple(
            states[id]
            if (first := digests[id]) in {None, digest}
            else self._conflict(id, keys_that_differ(REQUEST_KEYS, first or "", digest))
            for id, digest in self.asked
        )

    def _conflict(self, checkout_id: str, differs: tuple[str, ...]) -> ReservationConflict:
        return ReservationConflict(
            f"checkout {checkout_id} was made with a different request{difference(differs)}",
            differs,
        )


def reserve(requests: Sequence[CheckoutRequest]) -> Steps[tuple[ReserveAnswer, ...]]:
    """Hold or deny each request; answer what it was answered before; or tell a conflict."""
    batch = ReserveBatch.of(requests)
    if not batch.of_carts and (answers := (yield from hold_what_fits(batch))):
        return answers
    return (yield from without_overdue(lambda overdue_max: decide(batch, overdue_max)))


def hold_what_fits(batch: ReserveBatch) -> Steps[tuple[ReserveAnswer, ...]]:
    """Hold all of a batch where all of it is new and can be had; answer nothing where it cannot."""
    try:
        ((began,),) = yield Call(statements.RESERVE_WHAT_FITS, batch.picks())
    except SomethingToDecide:
        return ()
    if began is None:
        return ()
    held = {
        id: held_state(_placed(request), request.hold_seconds, began)
        for id, request in batch.requests.items()
    }
    return batch.answers(batch.digests, held)


def decide(batch: ReserveBatch, overdue_max: int) -> Steps[tuple[ReserveAnswer, ...]]:
    """Decide a batch, in one transaction.

    Args:
        batch: what is asked for.
        overdue_max: at most so many overdue holds are looked for; 0 decides without looking.

    Raises:
        OverdueInTheWay: nobody may be denied yet, so the transaction is to be undone.
    """
    claims = yield Call(statements.CLAIM_RESERVATIONS, batch.claims())
    numbers: dict[str, int] = {row.checkout_id: row.id for row in claims}
    carts, refused = yield from read_carts(batch.of_carts, numbers)
    batch = batch.with_carts(carts)
    open_claims = {id: number for id, number in numbers.items() if id not in refused}
    decided = yield from hold_or_deny(batch, open_claims, overdue_max)
    known = yield from read_rows(batch.requests.keys() - numbers.keys())
    states = decided | refused | {id: reserve_state(row) for id, row in known.items()}
    digests = {**batch.digests, **{id: row.digest for id, row in known.items()}}
    return batch.answers(digests, states)


def hold_or_deny(
    batch: ReserveBatch, numbers: Mapping[str, int], overdue_max: int
) -> Steps[dict[str, ReservationState]]:
    """Hold what can be had, first come first served, and deny the rest.

    Args:
        batch: what is asked for.
        numbers: of the claims, by checkout id.
        overdue_max: as of :func:`decide`.
    """
    demands = batch.demands(id for id in batch.requests if id in numbers)
    if not demands:
        return {}
    keys = [(want.sku, place_of(want)) for demand in demands for want in demand.wants]
    locked = yield from lock_levels(keys, {})
    allocations = allocate(demands, locked.levels)
    granted = {a.demand.checkout_id: a.picks for a in allocations if a.granted}
    refused = {a.demand.checkout_id: a.shortfalls for a in allocations if not a.granted}
    short = short_items(chain.from_iterable(refused.values()), locked)
    yield from look_for_overdue(short, locked.at, overdue_max)
    held = yield from _hold(batch, numbers, granted, locked.at)
    denied = yield from deny(numbers, refused, locked)
    return held | denied


def _hold(
    batch: ReserveBatch,
    numbers: Mapping[str, int],
    granted: Mapping[str, Sequence[Pick]],
    at: datetime,
) -> Steps[dict[str, ReservationState]]:
    if not granted:
        return {}
    lines = [(numbers[id], pick) for id, picks in granted.items() for pick in picks]
    yield Call(
        statements.HOLD_RESERVATIONS,
        {
            "at": at,
            "ids": [numbers[id] for id in granted],
            "seconds": [batch.requests[id].hold_seconds for id in granted],
            "line_ids": [number for number, _ in lines],
            "line_items": [pick.item_id for _, pick in lines],
            "line_quantities": [pick.quantity for _, pick in lines],
        },
    )
    return {
        id: held_state(_picked(picks), batch.requests[id].hold_seconds, at)
        for id, picks in granted.items()
    }


def deny(
    numbers: Mapping[str, int],
    refused: Mapping[str, Sequence[Shortfall]],
    locked: LockedStock,
    besides: int | None = None,
) -> Steps[dict[str, ReservationState]]:
    """Record what was refused and why; return where it stands.

    Args:
        numbers: of the claims, by checkout id.
        refused: what they lack, by checkout id.
        locked: the stock.
        besides: the reservation whose own deadline is none of those that are told.
    """
    if not refused:
        return {}
    shortages = yield from tell_shortages(refused, locked, besides)
    yield Call(
        statements.DENY_RESERVATIONS,
        {
            "at": locked.at,
            "ids": [numbers[id] for id in shortages],
            "shortages": [shortages_json(found) for found in shortages.values()],
        },
    )
    return {id: ReservationState(Denied(shortages=found), None) for id, found in shortages.items()}


def _picked(picks: Sequence[Pick]) -> tuple[HeldLine, ...]:
    return tuple(
        HeldLine(sku=pick.key[0], location=pick.key[1], quantity=pick.quantity) for pick in picks
    )


def _placed(request: CheckoutRequest) -> tuple[HeldLine, ...]:
    """Return the lines of a request: one that names its place is a pick as it stands."""
    return tuple(
        HeldLine(sku=line.sku, location=str(line.location), quantity=line.quantity)
        for line in request.lines
    )
