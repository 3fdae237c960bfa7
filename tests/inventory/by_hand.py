"""Operations on a connection that a test holds open, so that it decides when they are committed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.database.carrier import carry
from activities.inventory.database.errors import PaymentConflict
from activities.inventory.ledger_operations import PAYMENT_GRACE_CAP_DEFAULT
from activities.inventory.operations import adjust as adjusting
from activities.inventory.operations import amend as amending
from activities.inventory.operations import close as closing
from activities.inventory.operations import extend as extending
from activities.inventory.operations import load as loading
from activities.inventory.operations import part as parting
from activities.inventory.operations import pause as pausing
from activities.inventory.operations import reserve as reserving
from activities.inventory.operations.reserve import ReserveAnswer, ReserveBatch
from activities.inventory.payment_records import Pause, PauseAnswer
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    StockLoad,
    StockRow,
)
from holdfast_client.contract.messages import StockAdjustment
from holdfast_client.contract.outcomes import AdjustmentOutcome


def reserve_what_fits(connection: Connection, batch: ReserveBatch) -> tuple[ReserveAnswer, ...]:
    return carry(connection, reserving.hold_what_fits(batch))


def decide(connection: Connection, batch: ReserveBatch) -> tuple[ReserveAnswer, ...]:
    return carry(connection, reserving.decide(batch, overdue_max=0))


def close(connection: Connection, closings: Sequence[Closing]) -> tuple[closing.ClosingAnswer, ...]:
    return carry(connection, closing.close(closings))


def extend(
    connection: Connection, extensions: Sequence[HoldExtension], hold_seconds_cap: int
) -> tuple[ExtensionAnswer, ...]:
    return carry(connection, extending.extend(extensions, hold_seconds_cap))


def part(connection: Connection, wish: Part) -> PartAnswer:
    return carry(connection, parting.part(wish))


def amend(connection: Connection, change: HoldAmendment) -> AmendmentAnswer:
    return carry(connection, amending.decide(change, overdue_max=0))


def pause(connection: Connection, wish: Pause) -> PauseAnswer | PaymentConflict:
    return carry(connection, pausing.pause(wish, PAYMENT_GRACE_CAP_DEFAULT))


def load(connection: Connection, rows: Sequence[StockRow]) -> StockLoad:
    return carry(connection, loading.load(rows))


def adjust(connection: Connection, adjustment: StockAdjustment) -> AdjustmentOutcome:
    return carry(connection, adjusting.decide(adjustment))
