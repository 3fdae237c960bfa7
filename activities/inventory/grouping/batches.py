"""Work of any size, in the portions that one operation of the ledger takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from activities.inventory.ledger_operations import BATCH_SIZE_MAX

Entry = TypeVar("Entry")


def in_batches(
    entries: Sequence[Entry], size_max: int = BATCH_SIZE_MAX
) -> Iterator[Sequence[Entry]]:
    """Yield the entries in their order, at most ``size_max`` at once; no entries, no batch."""
    for start in range(0, len(entries), size_max):
        yield entries[start : start + size_max]
