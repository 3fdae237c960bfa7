"""What was paid late and is held again, the same for the fake and the real client."""

from __future__ import annotations

import pytest

from holdfast_client import Committed, Fulfilled, Settle
from holdfast_client.contract.outcomes import HeldLine
from tests.client.shops import Shop


async def expired(shop: Shop, checkout_id: str) -> None:
    """Let a hold expire that had three mugs, gave one back and was amended by a cup."""
    await shop.stock("MUG-01", 9)
    await shop.stock("CUP-01", 9)
    await shop.client.reserve(checkout_id, [("MUG-01", 3)], hold_seconds=60)
    await shop.client.release(checkout_id, [("MUG-01", 1)])
    await shop.client.amend(checkout_id, [("MUG-01", 2), ("CUP-01", 1)])
    await shop.pass_time(61)


def units(lines: tuple[HeldLine, ...]) -> list[tuple[str, int]]:
    return [(line.sku, line.quantity) for line in lines]


@pytest.mark.parametrize("settle", ["fulfil", "commit"])
async def test_what_is_told_of_it_is_of_its_last_attempt_alone(
    shop: Shop, checkout_id: str, settle: Settle
) -> None:
    await expired(shop, checkout_id)
    paid = await shop.client.confirm(checkout_id, "p-1", settle=settle, late="reinstate")
    assert isinstance(paid, Fulfilled | Committed)
    held_again = [("CUP-01", 1), ("MUG-01", 2)]
    assert units(paid.lines) == held_again
    if isinstance(paid, Fulfilled):
        assert paid.released == ()
    report = await shop.client.status(checkout_id)
    assert units(report.lines) == held_again
    if isinstance(paid, Committed):
        # As its workflow tells it, which is another one.
        assert [event.event for event in report.events] == ["resumed", "committed"]
        assert report.events[0].reason == "it had expired and was paid late, so it is attempt 2"
    assert report.revision == (1 if isinstance(paid, Committed) else None)
    timeline = await shop.client.timeline(checkout_id)
    assert units(timeline.lines) == held_again
    # What became of the attempt before is told all the same.
    first, *changes = timeline.events
    assert [event.event for event in changes][:4] == [
        "released",
        "amended",
        "expired",
        "reinstated",
    ]
    assert first.event == "held"
    assert timeline.created_at == timeline.expires_at == changes[3].at > changes[2].at


async def test_what_goes_back_of_it_counts_from_its_last_attempt(
    shop: Shop, checkout_id: str
) -> None:
    await expired(shop, checkout_id)
    before = (await shop.client.timeline(checkout_id)).created_at
    await shop.client.confirm(checkout_id, "p-1", settle="commit", late="reinstate")
    (packed,) = (await shop.client.holds(committed=True)).holds
    assert packed.held_at > before
    await shop.client.fulfil(checkout_id, "s-1", [("MUG-01", 1)])
    ended = await shop.client.cancel(checkout_id)
    assert isinstance(ended, Fulfilled)
    assert (units(ended.lines), units(ended.released)) == (
        [("MUG-01", 1)],
        [("CUP-01", 1), ("MUG-01", 1)],
    )
