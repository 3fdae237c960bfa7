"""Rules of what comes too late: payments of what has expired, reserves nobody waits for."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from activities.inventory.operations.reinstate import is_undecided
from activities.inventory.records import Closing, ClosingStatus, ReservationState
from tests.inventory.carts import Cart, summed
from tests.inventory.machine import (
    STOCKED,
    LedgerMachine,
    carts,
    hold_seconds,
    messages,
    parts,
    payments,
    picks,
)
from tests.inventory.machine_standing import IDS, outcome_of
from tests.inventory.shop import checkout

paid = st.sampled_from(["fulfilled", "committed"])


class LateMachine(LedgerMachine):
    """Asks as a settlement does, and as a run that comes to its reserve too late."""

    @rule(pick=picks, payment=payments, status=paid, name=messages)
    def pay_late(self, pick: int, payment: str, status: ClosingStatus, name: str) -> None:
        self._pay_late(self._over(pick), status, payment, name)

    @rule(pick=picks, payment=payments, status=paid, name=messages)
    def expire_and_pay_late(
        self, pick: int, payment: str, status: ClosingStatus, name: str
    ) -> None:
        id = self.meant(pick)
        self.expire_at_the_deadline(pick)
        self._pay_late(id, status, payment, name)

    @rule(pick=picks, other=picks, status=paid, message=st.sampled_from(["u1", "u2"]), name=parts)
    def pay_by_what_has_failed_elsewhere(
        self, pick: int, other: int, status: ClosingStatus, message: str, name: str
    ) -> None:
        """A payment is refused as another's, fails there, and the same is asked for again."""
        id, owner = self.meant(pick), self.meant(other)
        self.wait_for_a_payment(other, "pay_1", 10, name)
        for _ in range(2):
            self._end([(id, status, "pay_1", message)])
            self._pay_late(id, status, "pay_1", message)
            if self.oracle.holds[owner].is_open:
                self.wait_for_a_payment(other, "pay_1", 0, name)

    def _pay_late(self, id: str, status: ClosingStatus, payment: str, name: str) -> None:
        """By the quick way, and where that leaves it open, by the other."""
        payment = payment or f"late-{id}"
        closing = Closing(id, status, "", "", payment, None, True, operation_id=name)
        self.counts("pay late")
        (answer,) = self.shop.ledger.close([closing])
        if isinstance(answer, ReservationState) and is_undecided(closing, answer):
            self.counts("reinstate")
            answer = self.shop.ledger.reinstate(closing)
        due = getattr(answer, "refund_due", "") or ""
        short = tuple(n.model_dump() for n in getattr(answer, "shortages", ()))
        assert (outcome_of(answer), due, short) == self.oracle.pay_late(id, status, payment, name)

    @rule(pick=picks, sku=st.sampled_from(STOCKED), more=st.integers(1, 3), name=parts)
    def refuse_and_make_possible(self, pick: int, sku: str, more: int, name: str) -> None:
        """Ask for more than there is, have it come in, and ask for it again: it stays refused."""
        id = self.meant(pick)
        hold = self.oracle.holds.get(id)
        if not (hold and hold.is_open and sku in self.oracle.totals):
            return
        most = hold.cart.get(sku, 0) + self.oracle.available(sku)
        cart = summed(hold.cart, {sku: most + more - hold.cart.get(sku, 0)})
        self._amend(id, cart, None, name)
        self._part(id, "fulfil", {sku: 1}, False, name)
        self.load({sku: self.oracle.totals[sku] + more})
        self._end([(id, "committed", "", "")])
        self._amend(id, cart, None, name)
        self._part(id, "fulfil", {sku: 1}, False, name)

    @rule(pick=picks, cart=carts, length=hold_seconds, again=st.booleans())
    def abandon(self, pick: int, cart: Cart, length: int, again: bool) -> None:
        """Mostly what was asked for before, where there is such."""
        id = IDS[pick % len(IDS)]
        hold = self.oracle.holds.get(id)
        if again and hold and hold.asked:
            cart, length, *_ = hold.asked
        request = checkout(id, length, **cart).model_copy(update={"customer_id": "u-a"})
        self.counts("abandon")
        told = outcome_of(self.shop.ledger.abandon(request))
        assert told == self.oracle.abandon(id, cart, length)

    @rule(pick=picks, status=st.sampled_from(["cancelled", "expired"]))
    def speak_of_the_first_attempt(self, pick: int, status: str) -> None:
        """What concerns an attempt that is over changes no later one."""
        id = self.meant(pick)
        hold = self.oracle.holds.get(id)
        if hold and hold.attempt > 1:
            self.counts("of an earlier attempt")
            (answer,) = self.shop.ledger.close([Closing(id, status, attempt=1)])  # type: ignore[arg-type]
            assert outcome_of(answer) == hold.answer

    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        """A workflow goes on with the last attempt of what was ever held or denied."""
        id = IDS[pick % len(IDS)]
        hold = self.oracle.holds.get(id)
        self.counts("resume")
        found = self.shop.ledger.resumable(id)
        known = hold and hold.asked and (hold.answer, hold.attempt)
        assert (found and (outcome_of(found.state), found.state.attempt)) == (known or None)

    def _over(self, pick: int) -> str:
        """Choose what has expired for the most part: few others can be had again."""
        over = [id for id, hold in self.oracle.holds.items() if hold.answer["status"] == "expired"]
        return over[pick % len(over)] if pick % 5 and over else self.meant(pick)
