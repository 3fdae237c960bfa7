"""A shop for tests: a ledger, raw figures beside it, and a clock that stands still.

The figures are read by SQL of their own, so a test never asks the ledger whether it was right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, text

from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.ledger import Ledger
from activities.inventory.operations.close import ClosingAnswer
from activities.inventory.records import (
    Closing,
    ClosingStatus,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    ReservationState,
    StockLoad,
    StockRow,
)
from holdfast_client.contract.messages import (
    AdjustmentKind,
    CheckoutRequest,
    Line,
    StockAdjustment,
    merged,
)
from holdfast_client.contract.outcomes import AdjustmentOutcome, Denied, Held, Outcome

OPENING: Final = datetime(2031, 3, 14, 9, 0, 0, tzinfo=UTC)
TABLES: Final = (
    "payments",
    "stock_movements",
    "operation_records",
    "reservation_lines",
    "reservations",
    "stock_items",
)


class Figures(NamedTuple):
    total: int
    reserved: int
    available: int


def checkout(checkout_id: str, hold_seconds: int = 900, **quantities: int) -> CheckoutRequest:
    """Return the request for a cart at the default location, one keyword for each SKU."""
    lines = tuple(Line(sku=sku, quantity=quantity) for sku, quantity in quantities.items())
    return CheckoutRequest(checkout_id=checkout_id, lines=lines, hold_seconds=hold_seconds)


class Shop:
    """One database with the ledger's schema.

    Args:
        engine: connections for what the ledger is not asked.
        ledger: the ledger that is put to the test.
    """

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        self.engine = engine
        self.ledger = ledger
        self.now = OPENING

    # --- time ------------------------------------------------------------------------------------

    def after(self, seconds: float) -> datetime:
        """Return the moment that lies so many seconds ahead of the standing clock."""
        return self.now + timedelta(seconds=seconds)

    def pass_seconds(self, seconds: float) -> None:
        """Turn the ledger's clock on, and let it stand there."""
        self.now = self.after(seconds)
        self.sql("UPDATE public.standing_clock SET at = :now", now=self.now)

    # --- the ledger ------------------------------------------------------------------------------

    def stock(self, **totals: int) -> StockLoad:
        return self.ledger.load_stock([StockRow(sku, "main", n) for sku, n in totals.items()])

    def reserve(self, request: CheckoutRequest) -> Outcome:
        (answer,) = self.ledger.reserve([request])
        assert isinstance(answer, ReservationState), answer
        return answer.outcome

    def hold(self, checkout_id: str, hold_seconds: int = 900, **quantities: int) -> Held:
        outcome = self.reserve(checkout(checkout_id, hold_seconds, **quantities))
        assert isinstance(outcome, Held), outcome
        return outcome

    def denial(self, checkout_id: str, hold_seconds: int = 900, **quantities: int) -> Denied:
        outcome = self.reserve(checkout(checkout_id, hold_seconds, **quantities))
        assert isinstance(outcome, Denied), outcome
        return outcome

    def fulfil(self, checkout_id: str, payment_reference: str | None = None) -> Outcome:
        return self.pay(checkout_id, "fulfilled", payment_reference).outcome

    def cancel(self, checkout_id: str, reason: str = "changed my mind") -> Outcome:
        return self._close(Closing(checkout_id, "cancelled", reason=reason, actor="shopper"))

    def commit(self, checkout_id: str, payment_reference: str | None = None) -> Outcome:
        return self.pay(checkout_id, "committed", payment_reference).outcome

    def pay(
        self, checkout_id: str, status: ClosingStatus, payment_reference: str | None = None
    ) -> ReservationState:
        """Pay, by a payment of the checkout's own where none is named; raise its conflict."""
        reference = payment_reference or f"pay-{checkout_id}"
        (answer,) = self.ledger.close([Closing(checkout_id, status, payment_reference=reference)])
        if isinstance(answer, PaymentConflict):
            raise answer
        return answer

    def ship(
        self, checkout_id: str, shipment_id: str, *, rest_released: bool = False, **quantities: int
    ) -> PartAnswer:
        """Ship units of a committed checkout; all that is open where none are named."""
        lines = _lines(quantities) or None
        return self.ledger.part(
            Part(checkout_id, "fulfil", shipment_id, lines, rest_released=rest_released)
        )

    def give_back(self, checkout_id: str, operation_id: str, **quantities: int) -> PartAnswer:
        return self.ledger.part(
            Part(checkout_id, "release", operation_id, _lines(quantities), reason="not wanted")
        )

    def amend(
        self, checkout_id: str, operation_id: str, revision: int | None = None, **quantities: int
    ) -> AmendmentAnswer:
        """Make these units all that is open of a checkout."""
        lines = merged(_lines(quantities))
        return self.ledger.amend(HoldAmendment(checkout_id, operation_id, lines, revision))

    def expire(self, checkout_id: str) -> Outcome:
        return self._close(Closing(checkout_id, "expired"))

    def extend(
        self, checkout_id: str, deadline: datetime, extension_id: str = ""
    ) -> ExtensionAnswer:
        wish = hold_until(checkout_id, deadline)
        if extension_id:
            wish = replace(wish, extension_id=extension_id)
        (answer,) = self.ledger.extend([wish])
        return answer

    def adjust(
        self, adjustment_id: str, kind: AdjustmentKind, sku: str, quantity: int
    ) -> AdjustmentOutcome:
        return self.ledger.adjust(
            StockAdjustment(adjustment_id=adjustment_id, kind=kind, sku=sku, quantity=quantity)
        )

    def state(self, checkout_id: str) -> ReservationState:
        return self.ledger.reservations([checkout_id])[checkout_id]

    def _close(self, closing: Closing) -> Outcome:
        (state,) = states(self.ledger.close([closing]))
        return state.outcome

    # --- beside the ledger -----------------------------------------------------------------------

    def sql(self, statement: str, **parameters: object) -> list[Any]:
        """Run one statement in a transaction of its own and return its rows, if it has any."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result) if result.returns_rows else []

    def figures(self, sku: str, location: str = "main") -> Figures:
        (row,) = self.sql(
            "SELECT total_quantity, reserved_quantity, available_quantity "
            "FROM holdfast.stock_items WHERE sku = :sku AND location = :location",
            sku=sku,
            location=location,
        )
        return Figures(*row)

    def movements(self, checkout_id: str) -> list[tuple[str, int, int]]:
        """Return kind, change of total and change of reserved, in the order they were written."""
        rows = self.sql(
            "SELECT m.kind, m.total_delta, m.reserved_delta FROM holdfast.stock_movements AS m "
            "JOIN holdfast.reservations AS r ON r.id = m.reservation_id "
            "WHERE r.checkout_id = :id ORDER BY m.id",
            id=checkout_id,
        )
        return [tuple(row) for row in rows]

    def extensions(self, checkout_id: str) -> list[tuple[str, datetime, datetime]]:
        """Return the id of each extension on record, and the deadlines it moved from and to."""
        rows = self.sql(
            "SELECT o.operation_id, (o.answer ->> 'from_deadline')\\:\\:timestamptz, "
            "(o.answer ->> 'to_deadline')\\:\\:timestamptz FROM holdfast.operations AS o "
            "JOIN holdfast.reservations AS r ON r.id = o.reservation_id "
            "WHERE r.checkout_id = :id AND o.kind = 'extend' "
            "AND o.answer ->> 'status' IS NULL ORDER BY o.created_at, 3, 2",
            id=checkout_id,
        )
        return [tuple(row) for row in rows]

    def payment(self, payment_reference: str) -> tuple[str, str, str] | None:
        """Return a payment's checkout, state and reason; None where it is unknown."""
        rows = self.sql(
            "SELECT checkout_id, state, reason FROM holdfast.payments "
            "WHERE payment_reference = :id",
            id=payment_reference,
        )
        return tuple(rows[0]) if rows else None

    def status(self, checkout_id: str) -> str:
        (row,) = self.sql(
            "SELECT status FROM holdfast.reservations WHERE checkout_id = :id", id=checkout_id
        )
        return str(row.status)

    def count(self, table: str) -> int:
        (row,) = self.sql(f"SELECT count(*) FROM holdfast.{table}")
        return int(row[0])


def states(answers: Sequence[ClosingAnswer]) -> tuple[ReservationState, ...]:
    """Return where each stands, of closings none of which is a conflict of payments."""
    told = tuple(answer for answer in answers if isinstance(answer, ReservationState))
    assert len(told) == len(answers), answers
    return told


def _lines(quantities: dict[str, int]) -> tuple[Line, ...]:
    return tuple(Line(sku=sku, quantity=quantity) for sku, quantity in quantities.items())


def open_shop(engine: Engine, ledger: Ledger) -> Shop:
    """Return a shop whose clock stands still at the opening hour."""
    shop = Shop(engine, ledger)
    # A table, because a session that waits for a lock would not notice that a function changed.
    shop.sql("CREATE TABLE IF NOT EXISTS public.standing_clock AS SELECT clock_timestamp() AS at")
    shop.sql("GRANT SELECT ON public.standing_clock TO PUBLIC")
    shop.sql(
        "CREATE OR REPLACE FUNCTION holdfast.clock() RETURNS timestamptz "
        "LANGUAGE sql VOLATILE AS 'SELECT at FROM public.standing_clock'"
    )
    shop.pass_seconds(0)
    return shop


def clear(engine: Engine) -> None:
    """Forget all stock, reservations and movements, which only a test may."""
    with engine.begin() as connection:
        # As a replica does: no trigger and no foreign key stands in the way.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in TABLES:
            connection.execute(text(f"DELETE FROM holdfast.{table}"))


def hold_until(checkout_id: str, deadline: datetime) -> HoldExtension:
    """Return an extension under the name of its deadline, for who cares for no other."""
    return HoldExtension(checkout_id, deadline, f"until {deadline.isoformat()}")
