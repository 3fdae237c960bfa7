"""What the oracle thinks of payments: whose they are, and what waits for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from tests.inventory.carts import Answer
from tests.inventory.oracle_holds import Hold
from tests.inventory.oracle_stock import StockOracle


class Payments(StockOracle, ABC):
    """Each payment, and the pauses of holds that wait for one.

    Args:
        now: the standing clock.
        grace_seconds: how long after its deadline a hold waits for a payment at most.
    """

    def __init__(self, now: datetime, grace_seconds: int) -> None:
        super().__init__(now)
        self.grace = timedelta(seconds=grace_seconds)
        # Of each payment its checkout, its state, and why it is due back.
        self.payments: dict[str, tuple[str, str, str]] = {}
        # What an expired checkout lacked when it was to be held again for a payment.
        self.lacking: dict[str, tuple[Answer, ...]] = {}
        # Until when the checkout of a payment waits for it.
        self.paying: dict[str, datetime] = {}

    def refund(self, payment: str) -> bool:
        """Say whether the payment was due back; now it has gone back."""
        id, state, reason = self.payments.get(payment, ("", "", ""))
        if state == "refund_due":
            self.payments[payment] = (id, "refunded", reason)
        return state == "refund_due"

    def _belongs_elsewhere(self, payment: str, id: str) -> bool:
        owner, state, _ = self.payments.get(payment, (id, "", ""))
        is_in_flight = payment in self.paying and self.paying[payment] > self.now
        return owner != id and (state != "failed" or is_in_flight)

    def _is_undecided(self, payment: str) -> bool:
        return self.payments.get(payment, ("", "", ""))[1] in {"", "started", "failed"}

    def pause(self, id: str, payment: str, seconds: int, name: str) -> tuple[str, Answer]:
        """Let a hold wait for a payment, or with 0 seconds not any longer."""
        hold = self.holds.setdefault(id, Hold(self._ending("expired")))
        key = ("start" if seconds else "end", name)
        if key in hold.pauses:
            same = hold.pauses[key] == (payment, seconds)
            return "done" if same else "differs", hold.answer
        if key in hold.refused:
            said, asked = hold.refused[key]
            return said if asked == (payment, seconds) else "differs", hold.answer
        if self._belongs_elsewhere(payment, id):
            return hold.refuse(*key, "conflict", (payment, seconds)), hold.answer
        verdict = self._wait(id, hold, payment, seconds, name) if seconds else "done"
        if verdict != "done":
            return verdict, hold.answer
        hold.pauses[key] = (payment, seconds)
        if not seconds:
            self._wait_no_more(id, hold, payment)
        return "done", hold.answer

    def _wait(self, id: str, hold: Hold, payment: str, seconds: int, name: str) -> str:
        if not self._is_live(hold) or hold.told is None:
            return "not_active"
        if not self._is_undecided(payment):
            return hold.refuse("start", name, "conflict", (payment, seconds))
        cap = hold.told + self.grace
        until = min(self.now + timedelta(seconds=seconds), cap)
        owner, state, reason = self.payments.get(payment, (id, "started", ""))
        known = self.paying.get(payment) if owner == id else None
        if until == cap and known is not None and known >= cap:
            return hold.refuse("start", name, "at_cap", (payment, seconds))
        self.payments[payment] = (id, state, reason)
        self.paying[payment] = until
        self._tell_pauses(id, hold)
        return "done"

    def _wait_no_more(self, id: str, hold: Hold, payment: str) -> None:
        owner, state, _ = self.payments.get(payment, ("", "", ""))
        if owner == id and state in {"started", "failed"}:
            self.payments[payment] = (id, "failed", "failed")
            self.paying.pop(payment, None)
        self._tell_pauses(id, hold)
        if owner and hold.answer["status"] == "held" and self._is_late(hold):
            hold.answer = self._ending("expired")

    def _tell_pauses(self, id: str, hold: Hold) -> None:
        if hold.answer["status"] == "held":
            pauses = [
                self.paying[p]
                for p, (owner, _, _) in self.payments.items()
                if owner == id and p in self.paying
            ]
            hold.answer = hold.answer | {"paying_until": max(pauses, default=None)}

    @abstractmethod
    def _ending(self, status: str) -> Answer: ...

    @abstractmethod
    def _is_late(self, hold: Hold) -> bool: ...

    @abstractmethod
    def _is_live(self, hold: Hold) -> bool: ...
