"""Every operation of the ledger as a rule: it and its oracle are asked the same.

What comes too late has rules of its own, in ``machine_late.py``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.database.errors import (
    AdjustmentConflict,
    PaymentConflict,
    RefundNotDue,
    StockLoadRefused,
)
from activities.inventory.ledger_operations import HOLD_SECONDS_CAP_DEFAULT
from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, ClosingStatus, HoldExtension, Part, PartKind
from holdfast_client.contract.messages import AdjustmentKind, Line, merged
from holdfast_client.contract.refunds import RefundDone
from tests.inventory.carts import Cart, summed
from tests.inventory.machine_standing import IDS, StandingMachine, outcome_of
from tests.inventory.oracle import PAID
from tests.inventory.oracle_holds import Ending
from tests.inventory.shop import checkout

STOCKED = ["CUP", "MUG", "PEN"]
SKUS = [*STOCKED, "HAT"]

ids = st.sampled_from(IDS)
# Which checkout is meant: see `StandingMachine.meant`.
picks = st.integers(0, 199)
carts = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 5), min_size=1, max_size=3)
# Few lengths, so that deadlines fall together and the clock stops exactly on them.
hold_seconds = st.sampled_from([10, 20, 60])
seconds = st.sampled_from(
    [0, 1, 10, 20, 60, HOLD_SECONDS_CAP_DEFAULT, HOLD_SECONDS_CAP_DEFAULT + 1]
)
steps = st.sampled_from([0.000001, 1, 9.999999, 10, 20, 60])
# Under which an extension is made once. Few, so that many are asked for again.
names = st.sampled_from(["e1", "e2", "e3"])
# Under which a part is made once, for either kind.
parts = st.sampled_from(["p1", "p2", "p3", "p4"])
# Of lines that an amendment is to replace: any, those of now, those of before.
revisions = st.sampled_from([None, None, 0, 1])
graces = st.sampled_from([0, 1, 10])
# How long a hold waits for a payment; 0 says that it has failed.
waits = st.sampled_from([0, 0, 1, 10, 60, 3_600])
# By which payment: one of the checkout's own, or one that others name too.
payments = st.sampled_from(["", "", "", "pay_1", "pay_2"])
# Under which message a payment is told of, where what was refused of it is to be asked again.
messages = st.sampled_from(["", "u1", "u2"])
statuses = st.sampled_from(["fulfilled", "committed", "cancelled", "expired"])
changes = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(SKUS), st.integers(1, 4)),
    st.tuples(st.just("count"), st.sampled_from(SKUS), st.integers(0, 8)),
    st.tuples(st.just("adjust"), st.sampled_from(SKUS), st.sampled_from([-9, -2, -1, 1, 3])),
    st.tuples(st.sampled_from(["activate", "deactivate"]), st.sampled_from(SKUS), st.just(0)),
)


def _batches(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=1, max_size=4)


class LedgerMachine(StandingMachine):
    """Asks both the same and compares what they answer."""

    @initialize(totals=st.tuples(*[st.integers(2, 15)] * len(STOCKED)))
    def open_the_shop(self, totals: tuple[int, ...]) -> None:
        self._load(dict(zip(STOCKED, totals, strict=True)))

    @rule(batch=_batches(st.tuples(ids, carts, hold_seconds)))
    def reserve(self, batch: list[tuple[str, Cart, int]]) -> None:
        requests = [
            checkout(id, length, **cart).model_copy(update={"customer_id": "u-a"})
            for id, cart, length in batch
        ]
        self.counts("reserve", len(batch))
        told = [outcome_of(answer) for answer in self.shop.ledger.reserve(requests)]
        assert told == self.oracle.reserve(batch)

    @rule(cart=carts, length=hold_seconds)
    def reserve_anew(self, cart: Cart, length: int) -> None:
        new = [id for id in IDS if id not in self.oracle.holds]
        if new:
            self.reserve([(new[0], cart, length)])

    @rule(pick=picks)
    def reserve_again(self, pick: int) -> None:
        id = self.meant(pick)
        hold = self.oracle.holds.get(id)
        if hold and hold.asked:
            cart, length, *_ = hold.asked
            self.reserve([(id, cart, length)])

    @rule(pick=picks, cart=carts, length=hold_seconds, old=picks, party=st.sampled_from("aaab"))
    def supersede(self, pick: int, cart: Cart, length: int, old: int, party: str) -> None:
        new = [id for id in IDS if id not in self.oracle.holds]
        id = new[0] if new and pick % 10 else IDS[pick % len(IDS)]
        old_id = self.meant(old)
        if id == old_id:
            return
        request = checkout(id, length, **cart).model_copy(
            update={"customer_id": f"u-{party}", "supersedes": old_id}
        )
        self.counts("supersede")
        told = outcome_of(self.shop.ledger.reserve_alone(request))
        assert told == self.oracle.supersede(id, cart, length, old_id, party)

    @rule(wishes=_batches(st.tuples(picks, statuses, payments, messages)))
    def end(self, wishes: list[tuple[int, ClosingStatus, str, str]]) -> None:
        self._end([(self.meant(pick), how, by, name) for pick, how, by, name in wishes])

    def _end(self, batch: list[Ending]) -> None:
        """End checkouts, each paid by one of its own where none that may be shared is named."""
        wishes: list[Ending] = [
            (id, status, payment or f"pay-{id}", name) if status in PAID else (id, status, "", "")
            for id, status, payment, name in batch
        ]
        closings = [
            Closing(id, status, "no", "shopper", payment or None, operation_id=name)
            for id, status, payment, name in wishes
        ]
        for _, status, *_ in wishes:
            self.counts(status)
        told = [
            (outcome_of(answer), getattr(answer, "refund_due", "") or "")
            for answer in self.shop.ledger.close(closings)
        ]
        assert told == self.oracle.end(wishes)

    @rule(pick=picks, payment=payments, seconds=waits, name=parts)
    def wait_for_a_payment(self, pick: int, payment: str, seconds: int, name: str) -> None:
        id = self.meant(pick)
        payment = payment or f"pay-{id}"
        wish = (
            Pause(id, "payment_started", name, payment, seconds=seconds)
            if seconds
            else Pause(id, "payment_ended", name, payment, result="failed")
        )
        self.counts(wish.kind)
        expected, standing = self.oracle.pause(id, payment, seconds, name)
        try:
            answer = self.shop.ledger.pause(wish)
        except PaymentConflict:
            assert expected == "conflict"
        else:
            verdict = "differs" if answer.verdict == "conflict" else answer.verdict
            assert (verdict, answer.state.outcome.model_dump()) == (expected, standing)

    @rule(payment=st.sampled_from(["pay_1", "pay_2", *(f"pay-{id}" for id in IDS[:5])]))
    def refund(self, payment: str) -> None:
        self.counts("refund done")
        try:
            self.shop.ledger.refund(RefundDone(payment_reference=payment))
            is_due = True
        except RefundNotDue:
            is_due = False
        assert is_due == self.oracle.refund(payment)

    @rule(wishes=_batches(st.tuples(picks, seconds, names)))
    def extend(self, wishes: list[tuple[int, int, str]]) -> None:
        batch = [(self.meant(pick), self.shop.after(ahead), name) for pick, ahead, name in wishes]
        self._extend(batch)

    @rule(pick=picks)
    def commit(self, pick: int) -> None:
        self._end([(self.meant(pick), "committed", "", "")])

    @rule(pick=picks, cart=st.one_of(st.none(), carts), rest=st.booleans(), name=parts)
    def ship(self, pick: int, cart: Cart | None, rest: bool, name: str) -> None:
        self._part(self.meant(pick), "fulfil", cart, rest, name)

    @rule(pick=picks, cart=carts, name=parts)
    def give_back(self, pick: int, cart: Cart, name: str) -> None:
        self._part(self.meant(pick), "release", cart, False, name)

    @rule(pick=picks, kind=st.sampled_from(["fulfil", "release"]), name=parts)
    def part_with_one(self, pick: int, kind: Any, name: str) -> None:
        """Take one unit of what is open, which nearly always can be had."""
        hold = self.oracle.holds.get(self.meant(pick))
        if hold and hold.is_open:
            self._part(self.meant(pick), kind, {min(hold.cart): 1}, False, name)

    @rule(pick=picks, cart=carts, behind=revisions, name=parts)
    def amend(self, pick: int, cart: Cart, behind: int | None, name: str) -> None:
        self._amend(self.meant(pick), cart, behind, name)

    @rule(pick=picks, sku=st.sampled_from(STOCKED), more=st.sampled_from([-1, 1]), name=parts)
    def amend_by_one(self, pick: int, sku: str, more: int, name: str) -> None:
        """Change one line, which nearly always can be had."""
        hold = self.oracle.holds.get(self.meant(pick))
        if hold and hold.is_open:
            cart = summed(hold.cart, {sku: max(more, -hold.cart.get(sku, 0))})
            self._amend(self.meant(pick), cart or {sku: 1}, None, name)

    @rule(pick=picks, beyond=st.sampled_from([0, 0.000001]), name=names)
    def extend_to_the_cap(self, pick: int, beyond: float, name: str) -> None:
        id = self.meant(pick)
        hold = self.oracle.holds.get(id)
        if hold and hold.opened:
            ahead = (hold.opened - self.shop.now).total_seconds() + HOLD_SECONDS_CAP_DEFAULT
            self._extend([(id, self.shop.after(ahead + beyond), name)])

    @rule(grace=graces, count_max=st.integers(1, 3))
    def expire_overdue(self, grace: float, count_max: int) -> None:
        self.counts("expire overdue")
        # Of holds that end at the same moment the one with the lower id goes first, in both.
        ended = self.shop.ledger.expire_overdue(grace, batch_size_max=count_max)
        assert ended == self.oracle.expire_overdue(grace, count_max)

    @rule(number=st.integers(0, 5), change=changes)
    def adjust(self, number: int, change: tuple[AdjustmentKind, str, int]) -> None:
        id = f"a{number}"
        self.counts("adjust")
        try:
            told = self.shop.adjust(id, *change).model_dump()
        except AdjustmentConflict:
            told = {"status": "conflict"}
        assert told == self.oracle.adjust(id, *change)

    @rule(totals=st.dictionaries(st.sampled_from(SKUS), st.integers(0, 8), min_size=1))
    def load(self, totals: Cart) -> None:
        self._load(totals)

    @rule(sku=st.sampled_from(STOCKED))
    def switch(self, sku: str) -> None:
        self.shop.sql("UPDATE holdfast.stock_items SET active = NOT active WHERE sku = :s", s=sku)
        self.oracle.inactive ^= {sku}

    @rule(step=steps)
    def pass_time(self, step: float) -> None:
        self.shop.pass_seconds(step)
        self.oracle.now = self.shop.now

    @rule(pick=picks)
    def expire_at_the_deadline(self, pick: int) -> None:
        id = self.meant(pick)
        hold = self.oracle.holds.get(id)
        if hold and hold.is_open and hold.deadline and hold.deadline > self.shop.now:
            self.pass_time((hold.deadline - self.shop.now).total_seconds())
        self._end([(id, "expired", "", "")])

    def _part(self, id: str, kind: PartKind, cart: Cart | None, rest: bool, name: str) -> None:
        self.counts("ship" if kind == "fulfil" else "give back")
        lines = cart and tuple(Line(sku=sku, quantity=n) for sku, n in cart.items())
        answer = self.shop.ledger.part(
            Part(id, kind, name, lines or None, rest, reason="no", actor="shopper")
        )
        told = (answer.verdict, answer.state.outcome.model_dump())
        assert told == self.oracle.part(id, kind, cart, rest, name)

    def _amend(self, id: str, cart: Cart, behind: int | None, name: str) -> None:
        self.counts("amend")
        hold = self.oracle.holds.get(id)
        now = hold.answer.get("revision", 1) if hold else 1
        revision = None if behind is None else max(1, now - behind)
        lines = merged(Line(sku=sku, quantity=n) for sku, n in cart.items())
        answer = self.shop.ledger.amend(HoldAmendment(id, name, lines, revision))
        short = tuple(shortage.model_dump() for shortage in answer.shortages)
        told = (answer.verdict, answer.state.outcome.model_dump(), short)
        assert told == self.oracle.amend(id, cart, revision, name)

    def _extend(self, batch: list[tuple[str, datetime, str]]) -> None:
        self.counts("extend", len(batch))
        answers = self.shop.ledger.extend([HoldExtension(*wish) for wish in batch])
        told = [(answer.verdict, answer.state.outcome.model_dump()) for answer in answers]
        assert told == self.oracle.extend(batch)

    def _load(self, totals: Cart) -> None:
        self.counts("load")
        try:
            self.shop.stock(**totals)
            loaded = True
        except StockLoadRefused:
            loaded = False
        assert loaded == self.oracle.load(totals)
