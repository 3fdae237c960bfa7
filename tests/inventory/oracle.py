"""What the ledger ought to answer, in plain dictionaries and without its code.

It keeps no reserved quantities: what is reserved is what the open holds hold. It decides one
checkout at a time and forgets nothing, which is slow, and plain to read.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.inventory.carts import Answer, Cart, entry_of, lines_of, summed
from tests.inventory.oracle_holds import Ending, Hold
from tests.inventory.oracle_payments import Payments

PAID = {"committed", "fulfilled"}


class Oracle(Payments):
    """The ledger of one location, in memory.

    Args:
        now: the standing clock.
        cap_seconds: how long a hold may last in all.
        grace_seconds: how long after its deadline one waits for a payment at most.
    """

    def __init__(self, now: datetime, cap_seconds: int, grace_seconds: int) -> None:
        super().__init__(now, grace_seconds)
        self.cap = timedelta(seconds=cap_seconds)

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

    def supersede(self, id: str, cart: Cart, seconds: int, old_id: str, party: str) -> Answer:
        """Reserve with another checkout's units, which must be of the same customer."""
        asked = (cart, seconds, old_id, party)
        if id in self.holds:
            known = self.holds[id]
            return known.answer if known.asked in (None, asked) else {"status": "conflict"}
        old = self.holds.setdefault(old_id, Hold(self._ending("expired")))
        if old.is_open and self._is_late(old):
            old.answer = {"status": "expired", "at": self.now}
        if not old.is_open:
            self.reserve([(id, cart, seconds)])
            self.holds[id].asked, self.holds[id].party = asked, party
            return self.holds[id].answer
        if old.deadline is None or old.party != party:
            return {"status": "conflict"}
        return self._take_over(id, old, asked)

    def end(self, batch: list[Ending]) -> list[tuple[Answer, str]]:
        """Return for each wish where it leads, and why its payment is due back."""
        # The first wish of each checkout, then the second; an expiry after anything else.
        rest = [wish for wish in batch if wish[1] != "expired"]
        rest += [wish for wish in batch if wish[1] == "expired"]
        while rest:
            turn = {wish[0]: wish for wish in reversed(rest)}
            for id in dict.fromkeys(id for id, *_ in rest):
                self._end(*turn[id])
                rest.remove(turn[id])
        told = [self._paid(id, payment, name) for id, _, payment, name in batch]
        for (id, _, payment, name), (answer, _) in zip(batch, told, strict=True):
            if answer["status"] == "conflict" and name:
                self.holds[id].refused.setdefault(("confirm", name), ("conflict", payment))
        return told

    def _end(self, id: str, status: str, payment: str, name: str) -> None:
        hold = self.holds.get(id)
        if hold and self._was_refused(hold, payment, name):
            return
        if hold is None:
            hold = self.holds[id] = Hold(
                self._ending("cancelled" if status == "cancelled" else "expired")
            )
        elif status == "cancelled" and hold.is_open:
            hold.answer = self._given_back(hold)
        elif hold.answer["status"] == "held" and (status != "expired" or self._is_late(hold)):
            if payment and self._belongs_elsewhere(payment, id):
                return
            self.paying.pop(payment, None)
            hold.payment = payment
            hold.answer = self._ended(hold, status)
            if payment:
                self.payments[payment] = (id, "settled", "")
            return
        if payment and not self._belongs_elsewhere(payment, id) and self._is_undecided(payment):
            self.paying.pop(payment, None)
            reason = "duplicate" if hold.payment else hold.answer["status"]
            if hold.answer["status"] == "cancelled":
                reason = "cancelled"
            if not hold.asked:
                reason = "unavailable" if hold.abandoned else "unknown_checkout"
            self.payments[payment] = (id, "refund_due", reason)

    def _paid(self, id: str, payment: str, name: str) -> tuple[Answer, str]:
        hold = self.holds[id]
        if payment and hold.payment == payment and hold.answer["status"] in PAID:
            return hold.answer, ""
        if self._was_refused(hold, payment, name) or self._belongs_elsewhere(payment, id):
            return {"status": "conflict"}, ""
        return hold.answer, self.payments[payment][2] if payment else ""

    def _was_refused(self, hold: Hold, payment: str, name: str) -> bool:
        return hold.refused.get(("confirm", name), ("", ""))[1] == payment != ""

    def expire_overdue(self, grace_seconds: float, count_max: int) -> int:
        ids = self.overdue(grace_seconds)[:count_max]
        self.end([(id, "expired", "", "") for id in ids])
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

    def amend(
        self, id: str, cart: Cart, revision: int | None, name: str
    ) -> tuple[str, Answer, tuple[Answer, ...]]:
        hold = self.holds.setdefault(id, Hold(self._ending("expired")))
        if ("amend", name) in hold.refused:
            (said, short), known = hold.refused["amend", name]
            same = known == (cart, revision)
            return (said, hold.answer, short) if same else ("conflict", hold.answer, ())
        said, lacking = self._amend(hold, cart, revision, name)
        short = tuple(entry | {"next_expiry": self._next_expiry(entry, hold)} for entry in lacking)
        if said in {"not_active", "stale", "short"}:
            hold.refuse("amend", name, (said, short), (cart, revision))
        return said, hold.answer, short

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
                    "paying_until": None,
                    "lines": lines_of(cart),
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
                found.append(entry_of(sku, quantity, 0, "unknown_sku"))
            elif sku in self.inactive:
                found.append(entry_of(sku, quantity, 0, "inactive"))
            elif (left := self.available(sku) - served.get(sku, 0)) < quantity:
                found.append(entry_of(sku, quantity, left, "insufficient"))
        return found

    def _next_expiry(self, entry: Answer, besides: Hold | None = None) -> datetime | None:
        if entry["reason"] != "insufficient":
            return None
        ends = [
            hold.deadline
            for hold in self.holds.values()
            if hold is not besides and hold.is_open and entry["sku"] in hold.cart
            if hold.deadline is not None
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
                "payment_reference": hold.payment,
                "lines": lines_of(hold.cart),
                "revision": hold.answer["revision"],
                "at": self.now,
                "duplicate_payment": False,
                "reinstated": hold.attempt > 1,
            }
        if status != "fulfilled":
            return self._ending(status)
        self._ship(hold, hold.cart)
        return self._fulfilled(hold)

    def _ending(self, status: str) -> Answer:
        if status == "cancelled":
            told = {"reason": "no", "actor": "shopper", "superseded_by": None}
            return {"status": status, "at": self.now, **told}
        return {"status": status, "at": self.now}

    def _fulfilled(self, hold: Hold) -> Answer:
        return {
            "status": "fulfilled",
            "payment_reference": hold.payment,
            "lines": lines_of(hold.shipped),
            "at": self.now,
            "released": lines_of(hold.released),
            "reinstated": hold.attempt > 1,
        }

    def _given_back(self, hold: Hold) -> Answer:
        """Say how a checkout ends of which all that is open is given back."""
        if not hold.shipped:
            if hold.payment:
                id, _, _ = self.payments[hold.payment]
                self.payments[hold.payment] = (id, "refund_due", "cancelled")
            return self._ending("cancelled")
        hold.released = summed(hold.released, hold.cart)
        return self._fulfilled(hold)

    def _ship(self, hold: Hold, cart: Cart) -> None:
        for sku, quantity in cart.items():
            self.totals[sku] -= quantity
        hold.shipped = summed(hold.shipped, cart)

    def _part(self, hold: Hold, kind: str, cart: Cart | None, rest: bool, name: str) -> str:
        asked = (cart, rest)
        if said := hold.said_of_part(kind, name, asked):
            return said
        if not hold.is_open or (kind == "fulfil" and hold.answer["status"] == "held"):
            return hold.refuse(kind, name, "not_active", asked)
        taken = dict(hold.cart) if cart is None else cart
        if any(quantity > hold.cart.get(sku, 0) for sku, quantity in taken.items()):
            return hold.refuse(kind, name, "over_open", asked)
        left = summed(hold.cart, {sku: -quantity for sku, quantity in taken.items()})
        if left and rest and ("release", name) in hold.parts | hold.refused:
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
            hold.answer = hold.answer | {"lines": lines_of(hold.cart)}
        else:
            hold.answer = self._fulfilled(hold)
        return "done"

    def _amend(
        self, hold: Hold, cart: Cart, revision: int | None, name: str
    ) -> tuple[str, list[Answer]]:
        if name in hold.amended:
            return ("done" if hold.amended[name] == (cart, revision) else "conflict"), []
        if not self._is_live(hold):
            return "not_active", []
        if revision not in {None, hold.answer["revision"]}:
            return "stale", []
        while lacking := self._lacking_beyond(hold.cart, cart):
            if not self._end_late(lacking):
                return "short", lacking
        hold.amended[name] = (cart, revision)
        less = {sku: n - cart.get(sku, 0) for sku, n in hold.cart.items() if n > cart.get(sku, 0)}
        hold.released = summed(hold.released, less)
        hold.cart = dict(cart)
        lines, following = lines_of(cart), hold.answer["revision"] + 1
        hold.answer = hold.answer | {"lines": lines, "revision": following}
        return "done", []

    def _take_over(self, id: str, old: Hold, asked: tuple[Cart, int, str, str]) -> Answer:
        cart, seconds, _, party = asked
        while lacking := self._lacking_beyond(old.cart, cart):
            if not self._end_late(lacking):
                short = tuple(n | {"next_expiry": self._next_expiry(n, old)} for n in lacking)
                told = {"status": "denied", "shortages": short}
                self.holds[id] = Hold(told, asked=asked, party=party)
                return self.holds[id].answer
        assert old.opened is not None
        assert old.told is not None
        latest = max(old.opened + self.cap, old.told)
        held = {
            "status": "held",
            "expires_at": min(self.now + timedelta(seconds=seconds), latest),
            "paying_until": None,
            "lines": lines_of(cart),
            "revision": 1,
        }
        self.holds[id] = Hold(held, dict(cart), asked, old.opened, party=party)
        old.answer = {
            "status": "cancelled",
            "reason": f"superseded by {id}",
            "actor": "",
            "at": self.now,
            "superseded_by": id,
        }
        return held

    def _end_late(self, lacking: list[Answer]) -> bool:
        """End what is overdue and in the way, and say whether anything was."""
        short = {entry["sku"] for entry in lacking if entry["reason"] == "insufficient"}
        late = [hold for hold in self.holds.values() if self._is_in_the_way(hold, short)]
        for hold in late:
            hold.answer = {"status": "expired", "at": self.now}
        return bool(late)

    def _lacking_beyond(self, own: Cart, cart: Cart) -> list[Answer]:
        """Say what of a cart cannot be had by who has another one of it already."""
        found = []
        for sku, quantity in sorted(cart.items()):
            has = own.get(sku, 0)
            if quantity <= has:
                continue
            if sku not in self.totals:
                found.append(entry_of(sku, quantity, 0, "unknown_sku"))
            elif sku in self.inactive:
                found.append(entry_of(sku, quantity, has, "inactive"))
            elif (most := self.available(sku) + has) < quantity:
                found.append(entry_of(sku, quantity, most, "insufficient"))
        return found

    def _release(self, hold: Hold, cart: Cart) -> None:
        hold.released = summed(hold.released, cart)
        hold.cart = summed(hold.cart, {sku: -quantity for sku, quantity in cart.items()})
        hold.answer = hold.answer | {"revision": hold.answer["revision"] + 1}

    def _is_late(self, hold: Hold) -> bool:
        return hold.deadline is not None and hold.deadline <= self.now

    def _is_live(self, hold: Hold) -> bool:
        return hold.is_open and not self._is_late(hold)

    def _is_in_the_way(self, hold: Hold, short: set[str]) -> bool:
        return hold.is_open and self._is_late(hold) and not short.isdisjoint(hold.cart)

    def _extend(self, id: str, deadline: datetime, name: str) -> str:
        hold = self.holds.setdefault(id, Hold(self._ending("expired")))
        if hold.has_extended(name):
            return "extended"
        if ("extend", name) in hold.refused:
            return "over_cap"
        if not self._is_live(hold) or hold.told is None or hold.opened is None:
            return "not_active"
        if deadline > hold.told:
            if deadline > hold.opened + self.cap:
                return hold.refuse("extend", name, "over_cap")
            hold.answer = hold.answer | {"expires_at": deadline}
        hold.extended.append(name)
        return "extended"
