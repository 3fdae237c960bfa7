"""What a ledger and its oracle are compared by after a step, and what was asked of both."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Final

from hypothesis.stateful import RuleBasedStateMachine, invariant

from activities.inventory.ledger_operations import (
    HOLD_SECONDS_CAP_DEFAULT,
    PAYMENT_GRACE_CAP_DEFAULT,
)
from tests.inventory.oracle_late import LateOracle
from tests.inventory.shop import Figures, Shop, clear, open_shop

# Few of each, so that the same ids and the same stock items meet again and again.
IDS: Final = [f"c{number:02}" for number in range(30)]


class StandingMachine(RuleBasedStateMachine):
    """A shop and its oracle.

    Args:
        shop: is cleared.
        compared_every: after how many steps all that stands is compared. Answers are at each.
    """

    # How many operations the ledger was asked for, by kind, since the process began.
    asked: ClassVar[Counter[str]] = Counter()

    def __init__(self, shop: Shop, compared_every: int) -> None:
        super().__init__()
        clear(shop.engine)
        self.shop = open_shop(shop.engine, shop.ledger)
        self.oracle = LateOracle(self.shop.now, HOLD_SECONDS_CAP_DEFAULT, PAYMENT_GRACE_CAP_DEFAULT)
        self._compared_every = compared_every
        self._steps = 0

    def counts(self, kind: str, operations: int = 1) -> None:
        """Note what is about to be asked."""
        self.asked[kind] += operations

    @invariant()
    def all_that_stands_agrees(self) -> None:
        self._steps += 1
        if self._steps % self._compared_every == 0:
            self._compare()

    def teardown(self) -> None:
        if self._steps % self._compared_every:
            self._compare()

    def _compare(self) -> None:
        self._figures_agree()
        self._attempts_agree()
        self._extensions_agree()
        self._payments_agree()
        assert [hold.checkout_id for hold in self.shop.ledger.overdue(1)] == self.oracle.overdue(1)
        assert self.shop.ledger.audit() == ()

    def _figures_agree(self) -> None:
        rows = self.shop.sql(
            "SELECT sku, total_quantity, reserved_quantity, available_quantity "
            "FROM holdfast.stock_items"
        )
        assert {sku: Figures(*figures) for sku, *figures in rows} == {
            sku: Figures(total, self.oracle.reserved(sku), self.oracle.available(sku))
            for sku, total in self.oracle.totals.items()
        }

    def _attempts_agree(self) -> None:
        found = self.shop.ledger.reservations(IDS)
        assert {id: state.outcome.model_dump() for id, state in found.items()} == {
            id: hold.answer for id, hold in self.oracle.holds.items()
        }
        rows = self.shop.sql("SELECT checkout_id, attempt, status FROM holdfast.reservations")
        assert {tuple(row) for row in rows} == {
            (id, hold.attempt, hold.answer["status"]) for id, hold in self.oracle.attempts()
        }

    def _extensions_agree(self) -> None:
        """The same are on record, and each begins where the one before ended."""
        rows = self.shop.sql(
            "SELECT checkout_id, attempt, array_agg(operation_id ORDER BY operation_id) AS names, "
            "sum(ends - begins) = max(ends) - min(begins) AS is_chain, "
            "max(ends) = min(expires_at) AS is_deadline "
            "FROM (SELECT reservation_id, operation_id, "
            "CAST(answer ->> 'from_deadline' AS timestamptz) AS begins, "
            "CAST(answer ->> 'to_deadline' AS timestamptz) AS ends "
            "FROM holdfast.operations WHERE kind = 'extend' "
            "AND answer ->> 'status' IS NULL) AS made "
            "JOIN holdfast.reservations ON id = reservation_id GROUP BY 1, 2"
        )
        assert {(id, attempt): tuple(rest) for id, attempt, *rest in rows} == {
            (id, hold.attempt): (sorted(hold.extended), True, True)
            for id, hold in self.oracle.attempts()
            if hold.extended
        }

    def _payments_agree(self) -> None:
        rows = self.shop.sql(
            "SELECT payment_reference, checkout_id, state, reason FROM holdfast.payments"
        )
        assert {reference: tuple(rest) for reference, *rest in rows} == self.oracle.payments

    def meant(self, pick: int) -> str:
        """Choose an open hold for the most part, or few would live long enough to be tested."""
        held = [id for id in IDS if id in self.oracle.holds and self.oracle.holds[id].is_open]
        if pick % 10 and held:
            return held[pick % len(held)]
        return IDS[pick % len(IDS)]


def outcome_of(answer: Any) -> dict[str, Any]:
    """Return where a checkout stands as the oracle tells it, or that it is a conflict."""
    outcome = getattr(answer, "outcome", None)
    return outcome.model_dump() if outcome else {"status": "conflict"}
