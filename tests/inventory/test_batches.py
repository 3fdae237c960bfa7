"""Work of any size in the portions that the ledger takes."""

from __future__ import annotations

import pytest

from activities.inventory.grouping.batches import in_batches
from activities.inventory.ledger_operations import BATCH_SIZE_MAX


@pytest.mark.parametrize("count", [0, 1, BATCH_SIZE_MAX, BATCH_SIZE_MAX + 1, 3 * BATCH_SIZE_MAX])
def test_batches_hold_every_entry_once_and_none_is_too_large_or_empty(count: int) -> None:
    batches = list(in_batches(range(count)))
    assert [entry for batch in batches for entry in batch] == list(range(count))
    assert all(1 <= len(batch) <= BATCH_SIZE_MAX for batch in batches)
