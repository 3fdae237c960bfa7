"""The verdict finds each kind of broken promise, and nothing where all were kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.outcomes import (
    Cancelled,
    Denied,
    Expired,
    Fulfilled,
    Held,
    HeldLine,
    Outcome,
    Unavailable,
)
from soak import testimony
from soak.evidence import Evidence, Movement, Payment, Reservation, StockFigures
from soak.testimony import RESERVE, Due, Told
from soak.verdict import find_violations

NOW = datetime(2031, 3, 14, 9, 0, tzinfo=UTC)
LATE_SECONDS_MAX = 10
LINES = (HeldLine(sku="MUG", location="main", quantity=2),)
HELD = Held(expires_at=NOW, lines=LINES)
PAID = Fulfilled(payment_reference="pay_1", lines=LINES, at=NOW)
CANCELLED = Cancelled(at=NOW)
EXPIRED = Expired(at=NOW)
TAKEN = Movement("reserve", "MUG", 0, 2)
SOLD = Movement("fulfil", "MUG", -2, -2)
GIVEN_BACK = Movement("cancel", "MUG", 0, -2)


class Case:
    """One checkout of two mugs, of ten that were received: paid, told so, and written so."""

    def __init__(self) -> None:
        self.testimony = testimony.Testimony()
        self.testimony.wants(
            CheckoutRequest(checkout_id="c1", lines=(Line(sku="MUG", quantity=2),))
        )
        self.testimony.pays("c1", "pay_1")
        self.testimony.answered.add("pay_1")
        self.row = Reservation(
            "fulfilled", NOW, None, "pay_1", {"MUG": 2}, [TAKEN, SOLD], ("pay_1",)
        )
        self.payment = Payment("c1", "settled")
        self.stock = StockFigures(received=10, total=8, reserved=0)
        self.extra: dict[str, tuple[str, ...]] = {}
        self.hear(HELD, PAID)

    def hear(self, *outcomes: Outcome) -> None:
        """Replace what was told: one answer after the other, two seconds apart."""
        self.testimony.told = [
            Told("c1", RESERVE, 2.0 * n, 2.0 * n + 1, outcome) for n, outcome in enumerate(outcomes)
        ]

    def over(self, status: str, *movements: Movement) -> None:
        """Replace the row by one that sold nothing."""
        self.row = Reservation(status, NOW, None, None, {}, [TAKEN, *movements])
        self.payment = Payment("c1", "refund_due", "cancelled", is_listed=True)
        self.stock = StockFigures(received=10, total=10, reserved=0)

    def kinds(self, at: datetime = NOW) -> list[str]:
        evidence = Evidence(
            at,
            {"c1": self.row},
            {"MUG": self.stock},
            {"pay_1": self.payment},
            self.extra.get("breaches", ()),
            self.extra.get("failed_tasks", ()),
            self.extra.get("open_checkouts", ()),
        )
        found = find_violations(self.testimony, evidence, late_seconds_max=LATE_SECONDS_MAX)
        return sorted({violation.kind for violation in found})


def _cancelled(case: Case) -> None:
    case.over("cancelled", GIVEN_BACK)


def _told_another_payment(case: Case) -> None:
    case.hear(PAID.model_copy(update={"payment_reference": "pay_2"}))


def _sold_twice(case: Case) -> None:
    case.row.movements.append(SOLD)


def _half_sold(case: Case) -> None:
    case.row.movements[1] = Movement("fulfil", "MUG", -1, -1)


def _final_then_other(case: Case) -> None:
    case.hear(PAID, CANCELLED)


def _final_then_held(case: Case) -> None:
    case.hear(PAID, HELD)


def _told_cancelled_but_held(case: Case) -> None:
    case.over("held")
    case.hear(CANCELLED)


def _told_denied_but_sold(case: Case) -> None:
    case.hear(Denied(shortages=()))


def _told_cancelled_and_not_given_back(case: Case) -> None:
    case.over("cancelled")
    case.hear(CANCELLED)


def _told_expired_but_cancelled(case: Case) -> None:
    _cancelled(case)
    case.hear(EXPIRED)


def _told_unavailable_but_held(case: Case) -> None:
    case.over("held")
    case.hear(Unavailable())


def _ended_early(case: Case) -> None:
    case.over("expired", Movement("expire", "MUG", 0, -2))
    case.row.expired_at = NOW - timedelta(microseconds=1)
    case.hear(HELD)


def _ended_while_paying(case: Case) -> None:
    case.over("expired", Movement("expire", "MUG", 0, -2))
    case.row.expired_at = NOW
    case.hear(HELD.model_copy(update={"paying_until": NOW + timedelta(seconds=1)}))


def _not_put_down(case: Case) -> None:
    case.over("cancelled", GIVEN_BACK)
    case.hear(CANCELLED)
    case.payment = Payment("c1", "failed")


def _settled_for_nothing(case: Case) -> None:
    case.row.payment_reference, case.row.paid_by = "pay_0", ("pay_0",)
    case.testimony.pays("c1", "pay_0")
    case.hear(PAID.model_copy(update={"payment_reference": "pay_0"}))


def _settled_again(case: Case) -> None:
    case.row.paid_by = ("pay_1", "pay_1")


def _told_due_and_settled(case: Case) -> None:
    case.testimony.due["pay_1"] = Due("c1", "expired")


def _due_for_another_reason(case: Case) -> None:
    case.over("cancelled", GIVEN_BACK)
    case.hear(CANCELLED)
    case.testimony.due["pay_1"] = Due("c1", "expired")


def _due_and_not_listed(case: Case) -> None:
    case.over("cancelled", GIVEN_BACK)
    case.hear(CANCELLED)
    case.payment = Payment("c1", "refund_due", "cancelled")


def _not_paid(case: Case) -> None:
    case.testimony.payments.clear()


def _more_gone_than_sold(case: Case) -> None:
    case.stock.total = 7


def _oversold(case: Case) -> None:
    case.stock = StockFigures(received=1, total=-1, reserved=0)


def _unanswered(case: Case) -> None:
    case.testimony.unanswered["c1"] = "confirm"


def _interrupted(case: Case) -> None:
    case.testimony.interrupted.add("c1")


def _troubled(case: Case) -> None:
    case.testimony.meets("TypeError")


def _breached(case: Case) -> None:
    case.extra = {"breaches": ("I1",)}


def _task_failed(case: Case) -> None:
    case.extra = {"failed_tasks": ("checkout/c1",)}


def _still_open(case: Case) -> None:
    case.extra = {"open_checkouts": ("c1",)}


def test_a_promise_kept_is_no_violation() -> None:
    assert Case().kinds() == []


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_cancelled, "database says otherwise"),
        (_told_another_payment, "database says otherwise"),
        (_told_expired_but_cancelled, "database says otherwise"),
        (_sold_twice, "fulfilled not once"),
        (_half_sold, "fulfilled not once"),
        (_final_then_other, "answer contradicted"),
        (_final_then_held, "answer contradicted"),
        (_told_cancelled_but_held, "told over but holds"),
        (_told_denied_but_sold, "told over but holds"),
        (_told_cancelled_and_not_given_back, "told over but holds"),
        (_told_unavailable_but_held, "told over but holds"),
        (_ended_early, "hold ended early"),
        (_ended_while_paying, "hold ended early"),
        (_not_put_down, "payment lost"),
        (_settled_for_nothing, "payment lost"),
        (_told_due_and_settled, "refund not on record"),
        (_due_for_another_reason, "refund not on record"),
        (_due_and_not_listed, "refund not on record"),
        (_not_paid, "sold without payment"),
        (_more_gone_than_sold, "sold figures differ"),
        (_oversold, "sold figures differ"),
        (_unanswered, "never answered"),
        (_interrupted, "interrupted by itself"),
        (_troubled, "forbidden error"),
        (_breached, "invariant broken"),
        (_task_failed, "workflow task failed"),
        (_still_open, "workflow still open"),
    ],
)
def test_each_broken_promise_is_found_and_only_that(
    spoil: Callable[[Case], None], kind: str
) -> None:
    case = Case()
    spoil(case)
    assert case.kinds() == [kind]


def test_a_payment_that_counts_twice_is_found() -> None:
    case = Case()
    _settled_again(case)
    assert "payment settled twice" in case.kinds()


def test_a_payment_in_vain_takes_its_pause_back() -> None:
    case = Case()
    _ended_while_paying(case)
    case.testimony.in_vain.add("c1")
    assert case.kinds() == []


def test_only_a_late_payment_takes_an_expiry_back() -> None:
    case = Case()
    case.hear(HELD, EXPIRED, PAID.model_copy(update={"reinstated": True}))
    assert case.kinds() == ["answer contradicted", "told over but holds"]
    case.testimony.reinstating.add("c1")
    assert case.kinds() == []
    case.hear(PAID.model_copy(update={"reinstated": True}), EXPIRED)
    assert case.kinds() == ["answer contradicted"]


@pytest.mark.parametrize(
    ("seconds", "kinds"), [(LATE_SECONDS_MAX, []), (LATE_SECONDS_MAX + 1, ["held for ever"])]
)
def test_a_hold_may_outlast_its_deadline_by_grace_and_interval(
    seconds: int, kinds: list[str]
) -> None:
    case = Case()
    case.over("held")
    case.hear(HELD)
    assert case.kinds(NOW + timedelta(seconds=seconds)) == kinds


@pytest.mark.parametrize("status", ["cancelled", "expired", "denied"])
def test_unavailable_is_the_workflows_own_word_for_any_end_that_holds_nothing(status: str) -> None:
    case = Case()
    case.over(status, GIVEN_BACK)
    case.hear(Unavailable())
    assert case.kinds() == []


def test_an_answer_that_was_asked_for_before_the_final_one_came_may_still_be_held() -> None:
    case = Case()
    case.testimony.told = [
        Told("c1", "confirm", 0.0, 2.0, PAID),
        Told("c1", RESERVE, 1.0, 3.0, HELD),
    ]
    assert case.kinds() == []


def test_a_workflow_that_was_ended_by_force_may_say_so() -> None:
    case = Case()
    case.testimony.terminated.add("c1")
    case.testimony.interrupted.add("c1")
    assert case.kinds() == []


def test_only_who_was_set_back_may_take_unavailable_back() -> None:
    case = Case()
    case.hear(Unavailable(), PAID)
    assert "answer contradicted" in case.kinds()
    case.testimony.reset.add("c1")
    assert "answer contradicted" not in case.kinds()
