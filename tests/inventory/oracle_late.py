"""What the oracle thinks of what comes too late: a payment, and a reserve nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator

from activities.inventory.records import ClosingStatus
from tests.inventory.carts import Answer, Cart, lines_of
from tests.inventory.oracle import Oracle
from tests.inventory.oracle_holds import Hold


class LateOracle(Oracle):
    """The ledger of one location, in memory, with the attempts of each checkout."""

    def attempts(self) -> Iterator[tuple[str, Hold]]:
        """Yield each checkout's attempts, the last first."""
        for id, last in self.holds.items():
            hold: Hold | None = last
            while hold:
                yield id, hold
                hold = hold.before

    def abandon(self, id: str, cart: Cart, seconds: int) -> Answer:
        """Hold nothing under an id that nobody has used, and bar it."""
        hold = self.holds.setdefault(id, Hold(self._ending("expired"), abandoned=True))
        if hold.asked is None and hold.answer["status"] == "expired":
            return {"status": "unavailable"}
        return self._told(id, (cart, seconds))

    def pay_late(
        self, id: str, status: ClosingStatus, payment: str, name: str
    ) -> tuple[Answer, str, tuple[Answer, ...]]:
        """Return where a payment leads that may have its expired checkout held again."""
        hold = self.holds.get(id)
        is_known = hold and hold.asked and hold.answer["status"] == "expired"
        is_free = not self._belongs_elsewhere(payment, id) and self._is_undecided(payment)
        if hold and is_known and is_free and not self._was_refused(hold, payment, name):
            lacking = self._hold_again(id, hold)
            self.lacking[payment] = tuple(
                n | {"next_expiry": self._next_expiry(n)} for n in lacking
            )
        ((answer, due),) = self.end([(id, status, payment, name)])
        return answer, due, self.lacking.get(payment, ()) if due else ()

    def _hold_again(self, id: str, hold: Hold) -> list[Answer]:
        while lacking := self._lacking_beyond({}, hold.cart):
            if not self._end_late(lacking):
                return lacking
        held = {
            "status": "held",
            "expires_at": self.now,
            "paying_until": None,
            "lines": lines_of(hold.cart),
            "revision": 1,
        }
        again = Hold(held, dict(hold.cart), hold.asked, self.now, party=hold.party)
        again.attempt, again.before = hold.attempt + 1, hold
        # What was decided under a name stays so, of whatever attempt it was.
        again.parts, again.amended, again.pauses = hold.parts, hold.amended, hold.pauses
        again.refused = hold.refused
        self.holds[id] = again
        return []
