"""Requests that are decided together, and what each of them is answered. Pure data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from activities.inventory.allocation.wants import Demand, Want
from activities.inventory.database.arrays import array_text
from activities.inventory.database.errors import RequestRefused, ReservationConflict
from activities.inventory.records import ReservationState
from holdfast_client.contract.digests import REQUEST_KEYS, keys_that_differ, request_digest
from holdfast_client.contract.messages import CheckoutRequest, Line
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
    def carts(self) -> Mapping[str, str]:
        """Which cart has the lines, by checkout id, where the request has none of its own."""
        return {id: str(each.cart_id) for id, each in self.requests.items() if each.from_cart}

    def with_lines(self, lines: Mapping[str, tuple[Line, ...]]) -> ReserveBatch:
        """Return the batch with the lines of carts in place, by checkout id; digests stay."""
        read = {id: self.requests[id].model_copy(update={"lines": lines[id]}) for id in lines}
        return replace(self, requests={**self.requests, **read})

    def demands(self, checkout_ids: Iterable[str]) -> list[Demand]:
        """Return what is asked for under these ids."""
        return [
            Demand(id, tuple(Want(w.sku, w.location, w.quantity) for w in self.requests[id].lines))
            for id in checkout_ids
        ]

    def claims(self) -> dict[str, str]:
        """Return the columns by which ids are claimed."""
        requests = self.requests.values()
        return {
            "checkout_ids": array_text(self.requests),
            "customer_ids": array_text(request.customer_id for request in requests),
            "cart_ids": array_text(request.cart_id for request in requests),
            "digests": array_text(self.digests.values()),
        }

    def picks(self) -> dict[str, str]:
        """Return the columns by which all is claimed and held, where every line names its place."""
        lines = [
            (place, line)
            for place, request in enumerate(self.requests.values(), 1)
            for line in request.lines
        ]
        return {
            **self.claims(),
            "seconds": array_text(request.hold_seconds for request in self.requests.values()),
            "line_places": array_text(place for place, _ in lines),
            "line_skus": array_text(line.sku for _, line in lines),
            "line_locations": array_text(line.location for _, line in lines),
            "line_quantities": array_text(line.quantity for _, line in lines),
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
