"""What the ledger keeps of each change, by which it knows one that is told again."""

from __future__ import annotations

from typing import Final

from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.payment_records import Pause
from activities.inventory.records import Part
from holdfast_client.contract.digests import digest_of, parts_digest
from holdfast_client.contract.messages import StockAdjustment

AMENDMENT_KEYS: Final = ("lines", "revision", "reason", "actor")
PAUSE_KEYS: Final = ("payment_reference", "seconds", "result", "actor")
ADJUSTMENT_KEYS: Final = ("sku", "location", "kind", "quantity", "reason", "actor", "new")


def adjustment_digest(adjustment: StockAdjustment) -> str:
    """Return a text that is equal for two adjustments exactly when they are the same."""
    return digest_of([getattr(adjustment, key) for key in ADJUSTMENT_KEYS])


def pause_digest(pause: Pause) -> str:
    """Return a text that is equal for two pauses exactly when they are the same."""
    return digest_of([getattr(pause, key) for key in PAUSE_KEYS])


def part_digest(part: Part) -> str:
    """Return a text that is equal for two parts exactly when they are the same."""
    return parts_digest(
        part.lines, rest_released=part.rest_released, reason=part.reason, actor=part.actor
    )


def amendment_digest(change: HoldAmendment) -> str:
    """Return a text that is equal for two changes of lines exactly when they are the same."""
    return digest_of([getattr(change, key) for key in AMENDMENT_KEYS])
