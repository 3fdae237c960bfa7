"""How a failure of the ledger is told to Temporal: what may be retried, and what may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from temporalio.exceptions import ApplicationError

from activities.inventory.database.errors import (
    AdjustmentConflict,
    LedgerConflict,
    LedgerCorrupt,
    LedgerError,
    LedgerUnavailable,
    PaymentConflict,
    RefundNotDue,
    RequestRefused,
    ReservationConflict,
)
from holdfast_client.contract import names
from holdfast_client.contract.names import (
    ADJUSTMENT_CONFLICT,
    CHECKOUT_CONFLICT,
    INVALID_REQUEST,
    PAYMENT_CONFLICT,
    REFUND_NOT_DUE,
)

INVENTORY_UNAVAILABLE: Final = names.INVENTORY_UNAVAILABLE
INVENTORY_CORRUPT: Final = "InventoryCorrupt"


@contextmanager
def told_to_temporal() -> Iterator[None]:
    """Raise the ledger's errors as application errors that say whether to try again."""
    try:
        yield
    except LedgerUnavailable as error:
        raise ApplicationError(str(error), type=INVENTORY_UNAVAILABLE) from None
    except LedgerCorrupt as error:
        raise ApplicationError(str(error), type=INVENTORY_CORRUPT) from error
    except ReservationConflict as error:
        raise _conflict(error, CHECKOUT_CONFLICT) from None
    except PaymentConflict as error:
        details = {"payment_reference": error.payment_reference, "checkout_id": error.checkout_id}
        raise _final(error, details, PAYMENT_CONFLICT) from None
    except RefundNotDue as error:
        told = {"state": error.state} | ({"at": error.at.isoformat()} if error.at else {})
        raise _final(error, told, REFUND_NOT_DUE) from None
    except RequestRefused as error:
        raise ApplicationError(
            str(error), error.field, error.problem, type=INVALID_REQUEST, non_retryable=True
        ) from None
    except AdjustmentConflict as error:
        raise _conflict(error, ADJUSTMENT_CONFLICT) from None


def _conflict(error: LedgerConflict, kind: str) -> ApplicationError:
    return _final(error, {"differs": list(error.differs)}, kind)


def _final(error: LedgerError, details: dict[str, Any], kind: str) -> ApplicationError:
    return ApplicationError(str(error), details, type=kind, non_retryable=True)
