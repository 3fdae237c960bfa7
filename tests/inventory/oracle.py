"""What the ledger ought to answer, in plain dictionaries and without its code.

It keeps no reserved quantities: what is reserved is what the open holds hold. It decides one
checkout at a time and forgets nothing, which is slow, and plain to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Cart = dict[str, int]
Answer = dict[str, Any]


@dataclass
class Hold:
    """One reservation from its first mention on; ``cart`` is what is open, or was at the end."""

    answer: Answer
    cart: Cart = field(default_factory=dict)
    asked: tuple[Cart, int] | None = None
    opened: datetime | None = None
    extended: list[str] = field(default_factory=list)
    shipped: Cart = field(default_factory=dict)
    released: Cart = field(default_factory=dict)
    parts: dict[tuple[str, str], object] = field(default_factory=dict)

    @property
    def deadline(self) -> datetime | None:
        deadline: datetime | None = self.answer.get("expires_at")
        return deadline

    @property
    def is_open(self) -> bool:
        return self.answer["status"] in {"held", "committed"}


class Oracle:
    """The ledger of one location, in memory.

    Args:
        now: the standing clock.
        cap_seconds: how long a hold may last in all.
    """

    def __init__(self, now: datetime, cap_seconds: int) -> None:
        self.now = now
        self.cap = timedelta(seconds=cap_seconds)
        self.totals: dict[str, int] = {}
        self.inactive: set[str] = set()
        self.holds: dict[str, Hold] = {}
        self.adjustments: dict[str, tuple[object, Answer]] = {}

    # --- figures ---------------------------------------------------------------------------------

    def reserved(self, sku: str) -> int:
        return sum(hold.cart.get(sku, 0) for hold in self.holds.values() if hold.is_open)

    def available(self, sku: str) -> int:
        return self.totals[sku] - self.reserved(sku)

    def overdue(self, seconds: float = 0) -> list[str]:
        """Return the checkouts that are late by more than so many seconds, the latest first."""
        limit = self.now - timedelta(seconds=seconds)
        late = [
            (hold.deadline, id)
            for id, hold in self.holds.items()
            if hold.is_open and hold.deadline is not None and hold.deadline < limit
        ]
        return [id for _, id in sorted(late)]

    # --- reservations ----------------------------------------------------------------------------

    def reserve(self, batch: list[tuple[str, Cart, int]]) -> list[Answer]:
        first = {id: (cart, seconds) for id, cart, seconds in reversed(batch)}
        new = [id for id in dict.fromkeys(id for id, _, _ in batch) if id not in self.holds]
        while True:
            trial = {id: self._lacking(new[:place], first, id) for place, id in enumerate(new)}
            short = {
                entry["sku"]
                for lacking in trial.values()
                for entry in lacking
                if entry["reason"] == "insufficient"
            }
            late = [hold for hold in self.holds.values() if self._is_in_the_way(hold, short)]
            if not late:
                break
            for hold in late:
                hold.answer = {"status": "expired", "at": self.now}
        self._open(new, first, trial)
        return [self._told(id, (cart, seconds)) for id, cart, seconds in batch]

    def end(self, batch: list[tuple[str, str]]) -> list[Answer]:
        # The first wish for an id counts; an expiry counts only where nobody wishes otherwise.
        wishes = [pair for pair in batch if pair[1] == "expired"]
        wishes += reversed([pair for pair in batch if pair[1] != "expired"])
        for id, status in dict(wishes).items():
            hold = self.holds.get(id)
            if hold is None:
                self.holds[id] = Hold(
                    self._ending("cancelled" if status == "cancelled" else "expired")
                )
            elif status == "cancelled" and hold.is_open:
                hold.answer = self._given_back(hold)
            elif hold.answer["status"] == "held" and (status != "expired" or self._is_late(hold)):
                hold.answer = self._ended(hold, status)
        return [self.holds[id].answer for id, _ in batch]

    def expire_overdue(self, grace_seconds: float, count_max: int) -> int:
        ids = self.overdue(grace_seconds)[:count_max]
        self.end([(id, "expired") for id in ids])
        return len(ids)

    def extend(self, batch: list[tuple[str, datetime, str]]) -> list[tuple[str, Answer]]:
        verdicts = [self._extend(*wish) for wish in batch]
        ids = [id for id, _, _ in batch]
        return [(said, self.holds[id].answer) for said, id in zip(verdicts, ids, strict=True)]

    def part(
        self, id: str, kind: str, cart: Cart | None, rest: bool, name: str
    ) -> tuple[str, Answer]:
        hold = self.holds.setdefault(id, Hold(self._ending("expired")))
        return self._part(hold, kind, cart, rest, name), hold.answer

    # --- stock -----------------------------------------------------------------------------------

    def adjust(self, id: str, kind: str, sku: str, quantity: int) -> Answer:
        change = (kind, sku, quantity)
        if id not in self.adjustments:
            self.adjustments[id] = (change, self._adjusted(kind, sku, quantity))
        known, answer = self.adjustments[id]
        return answer if known == change else {"status": "conflict"}

    def load(self, totals: Cart) -> bool:
        """Set totals, and return whether that was possible."""
        if any(sku in self.totals and total < self.reserved(sku) for sku, total in totals.items()):
            return False
        self.totals |= totals
        return True

    # --- parts -----------------------------------------------------------------------------------

    def _open(
        self, ids: list[str], asked: dict[str, tuple[Cart, int]], lacking: dict[str, list[Answer]]
    ) -> None:
        for id in ids:
            cart, seconds = asked[id]
            if lacking[id]:
                self.holds[id] = Hold({"status": "denied", "shortages": ()}, asked=asked[id])
            else:
                held = {
                    "status": "held",
                    "expires_at": self.now + timedelta(seconds=seconds),
                    "lines": _lines(cart),
                    "revision": 1,
                }
                self.holds[id] = Hold(held, dict(cart), asked[id], self.now)
        for id in ids:
            if lacking[id]:
                self.holds[id].answer["shortages"] = tuple(
                    entry | {"next_expiry": self._next_expiry(entry)} for entry in lacking[id]
                )

    def _lacking(
        self, before: list[str], asked: dict[str, tuple[Cart, int]], id: str
    ) -> list[Answer]:
        """Say what a checkout lacks once those before it that lack nothing are served."""
        served: Cart = {}
        for place, other in enumerate(before):
            if not self._lacking(before[:place], asked, other):
                for sku, quantity in asked[other][0].items():
                    served[sku] = served.get(sku, 0) + quantity
        found = []
        for sku, quantity in sorted(asked[id][0].items()):
            if sku not in self.totals:
                found.append(_entry(sku, quantity, 0, "unknown_sku"))
            elif sku in self.inactive:
                found.append(_entry(sku, quantity, 0, "inactive"))
            elif (left := self.available(sku) - served.get(sku, 0)) < quantity:
                found.append(_entry(sku, quantity, left, "insufficient"))
        return found

    def _next_expiry(self, entry: Answer) -> datetime | None:
        if entry["reason"] != "insufficient":
            return None
        ends = [
            hold.deadline
            for hold in self.holds.values()
            if hold.is_open and entry["sku"] in hold.cart and hold.deadline is not None
        ]
        return min(ends, default=None)

    def _told(self, id: str, asked: tuple[Cart, int]) -> Answer:
        hold = self.holds[id]
        if hold.asked is not None and hold.asked != asked:
            return {"status": "conflict"}
        return hold.answer

    def _ended(self, hold: Hold, status: str) -> Answer:
        if status == "committed":
            return {
                "status": status,
                "payment_reference": "pay_1",
                "lines": _lines(hold.cart),
                "revision": hold.answer["revision"],
                "at": self.now,
                "duplicate_payment": False,
            }
        if status != "fulfilled":
            return self._ending(status)
        self._ship(hold, hold.cart)
        return self._fulfilled(hold)

    def _ending(self, status: str) -> Answer:
        if status == "cancelled":
            return {"status": status, "reason": "no", "actor": "shopper", "at": self.now}
        return {"status": status, "at": self.now}

    def _fulfilled(self, hold: Hold) -> Answer:
        return {
            "status": "fulfilled",
            "payment_reference": "pay_1",
            "lines": _lines(hold.shipped),
            "at": self.now,
            "released": _lines(hold.released),
        }

    def _given_back(self, hold: Hold) -> Answer:
        """Say how a checkout ends of which all that is open is given back."""
        if not hold.shipped:
            return self._ending("cancelled")
        hold.released = _sum(hold.released, hold.cart)
        return self._fulfilled(hold)

    def _ship(self, hold: Hold, cart: Cart) -> None:
        for sku, quantity in cart.items():
            self.totals[sku] -= quantity
        hold.shipped = _sum(hold.shipped, cart)

    def _part(self, hold: Hold, kind: str, cart: Cart | None, rest: bool, name: str) -> str:
        asked = (cart, rest)
        if (kind, name) in hold.parts:
            return "done" if hold.parts[kind, name] == asked else "conflict"
        if not hold.is_open or (kind == "fulfil" and hold.answer["status"] == "held"):
            return "not_active"
        taken = dict(hold.cart) if cart is None else cart
        if any(quantity > hold.cart.get(sku, 0) for sku, quantity in taken.items()):
            return "over_open"
        left = _sum(hold.cart, {sku: -quantity for sku, quantity in taken.items()})
        if left and rest and ("release", name) in hold.parts:
            return "conflict"
        hold.parts[kind, name] = asked
        if kind == "release":
            if not left:
                hold.answer = self._given_back(hold)
                return "done"
            self._release(hold, taken)
        else:
            self._ship(hold, taken)
            hold.cart = left
            if left and rest:
                # Under this id no release can be asked for any more.
                hold.parts["release", name] = None
                self._release(hold, left)
        if hold.cart:
            hold.answer = hold.answer | {"lines": _lines(hold.cart)}
        else:
            hold.answer = self._fulfilled(hold)
        return "done"

    def _release(self, hold: Hold, cart: Cart) -> None:
        hold.released = _sum(hold.released, cart)
        hold.cart = _sum(hold.cart, {sku: -quantity for sku, quantity in cart.items()})
        hold.answer = hold.answer | {"revision": hold.answer["revision"] + 1}

    def _adjusted(self, kind: str, sku: str, quantity: int) -> Answer:
        created = sku not in self.totals
        if created:
            if kind != "receive":
                return _refused("unknown_sku", sku, None, None, None)
            self.totals[sku] = 0
        total = quantity if kind == "count" else self.totals[sku] + quantity
        figures = (self.totals[sku], self.reserved(sku), self.available(sku))
        if total < 0:
            return _refused("negative_total", sku, *figures)
        if total < self.reserved(sku):
            holders = self._holders(sku)
            others = self.reserved(sku) - sum(holder["quantity"] for holder in holders)
            return _refused("below_reserved", sku, *figures, holders=holders, others=others)
        self.totals[sku] = total
        self.inactive -= {sku} if kind == "activate" else set()
        self.inactive |= {sku} if kind == "deactivate" else set()
        return {
            "status": "applied",
            "sku": sku,
            "location": "main",
            "total": total,
            "reserved": self.reserved(sku),
            "available": self.available(sku),
            "created": created,
            "active": sku not in self.inactive,
        }

    def _holders(self, sku: str) -> tuple[Answer, ...]:
        found = [
            {"checkout_id": id, "quantity": hold.cart[sku], "expires_at": hold.deadline}
            for id, hold in self.holds.items()
            if hold.is_open and sku in hold.cart
        ]
        # What is committed has no deadline, and stands behind the holds.
        found.sort(
            key=lambda h: (not h["expires_at"], h["expires_at"] or self.now, h["checkout_id"])
        )
        return tuple(found[:10])

    def _is_late(self, hold: Hold) -> bool:
        return hold.deadline is not None and hold.deadline <= self.now

    def _is_live(self, hold: Hold) -> bool:
        return hold.is_open and not self._is_late(hold)

    def _is_in_the_way(self, hold: Hold, short: set[str]) -> bool:
        return hold.is_open and self._is_late(hold) and not short.isdisjoint(hold.cart)

    def _extend(self, id: str, deadline: datetime, name: str) -> str:
        hold = self.holds.setdefault(id, Hold(self._ending("expired")))
        if name in hold.extended:
            return "extended"
        if not self._is_live(hold) or hold.deadline is None or hold.opened is None:
            return "not_active"
        if deadline > hold.deadline:
            if deadline > hold.opened + self.cap:
                return "over_cap"
            hold.answer = hold.answer | {"expires_at": deadline}
        hold.extended.append(name)
        return "extended"


def _refused(
    reason: str,
    sku: str,
    total: int | None,
    reserved: int | None,
    available: int | None,
    *,
    holders: tuple[Answer, ...] = (),
    others: int = 0,
) -> Answer:
    return {
        "status": "refused",
        "reason": reason,
        "sku": sku,
        "location": "main",
        "total": total,
        "reserved": reserved,
        "available": available,
        "holders": holders,
        "units_left_out": others,
    }


def _entry(sku: str, requested: int, available: int, reason: str) -> Answer:
    return {
        "sku": sku,
        "location": "main",
        "requested": requested,
        "available": available,
        "reason": reason,
    }


def _sum(cart: Cart, other: Cart) -> Cart:
    both = {sku: cart.get(sku, 0) + other.get(sku, 0) for sku in {*cart, *other}}
    return {sku: quantity for sku, quantity in both.items() if quantity}


def _lines(cart: Cart) -> tuple[Answer, ...]:
    return tuple(
        {"sku": sku, "location": "main", "quantity": quantity}
        for sku, quantity in sorted(cart.items())
    )
