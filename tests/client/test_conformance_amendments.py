"""What every client of a shop does alike with changed carts: fake and real."""

from __future__ import annotations

import pytest

from holdfast_client import (
    AmendmentRefused,
    Committed,
    Fulfilled,
    Held,
    HoldNotActive,
    InvalidRequest,
    RevisionConflict,
)
from tests.client.shops import Shop
from tests.client.test_conformance import hold, new_sku
from tests.client.test_conformance_parts import commit, units


async def test_an_amendment_keeps_the_deadline_and_counts_the_revision(
    shop: Shop, checkout_id: str
) -> None:
    mug, pen = sorted((new_sku(), new_sku()))
    await shop.stock(mug, 5)
    await shop.stock(pen, 5)
    held = await hold(shop, checkout_id, mug, 3)
    answer = await shop.client.amend(checkout_id, [(pen, 2), (mug, 4), (mug, 1)], reason="more")
    assert answer == held.model_copy(
        update={"lines": (units(mug, 5), units(pen, 2)), "revision": 2}
    )
    assert await shop.available(mug) == (5, 5, 0)
    outcome = await shop.client.confirm(checkout_id, "pay_1")
    assert isinstance(outcome, Fulfilled)
    assert outcome.lines == (units(mug, 5), units(pen, 2))


async def test_a_refused_amendment_names_every_short_line_and_changes_nothing(
    shop: Shop, checkout_id: str
) -> None:
    mug, pen, none = sorted((new_sku(), new_sku(), new_sku()))
    await shop.stock(mug, 5)
    await shop.stock(pen, 1)
    held = await hold(shop, checkout_id, mug, 3)
    with pytest.raises(AmendmentRefused) as refused:
        await shop.client.amend(checkout_id, [(mug, 6), (pen, 2), (none, 1)])
    told = [(s.sku, s.requested, s.available, s.reason) for s in refused.value.shortages]
    assert told == [
        (mug, 6, 5, "insufficient"),
        (pen, 2, 1, "insufficient"),
        (none, 1, 0, "unknown_sku"),
    ]
    assert all(shortage.next_expiry is None for shortage in refused.value.shortages)
    report = await shop.client.status(checkout_id)
    assert (report.lines, report.revision) == (held.lines, 1)
    assert await shop.available(mug) == (5, 3, 2)


async def test_the_same_amendment_counts_once(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 9)
    await hold(shop, checkout_id, sku, 3)
    first = await shop.client.amend(checkout_id, [(sku, 5)], amendment_id="a-1")
    assert await shop.client.amend(checkout_id, [(sku, 5)], amendment_id="a-1") == first
    assert await shop.available(sku) == (9, 5, 4)


async def test_lines_of_another_revision_are_left_alone(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 9)
    await hold(shop, checkout_id, sku, 3)
    await shop.client.amend(checkout_id, [(sku, 5)], revision=1)
    with pytest.raises(RevisionConflict) as conflict:
        await shop.client.amend(checkout_id, [(sku, 1)], revision=1)
    assert (conflict.value.revision, conflict.value.lines) == (2, (units(sku, 5),))
    assert await shop.available(sku) == (9, 5, 4)


async def test_a_committed_checkout_is_amended_beside_what_was_shipped(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await commit(shop, checkout_id, sku, 3)
    await shop.client.fulfil(checkout_id, "s-1", [(sku, 2)])
    answer = await shop.client.amend(checkout_id, [(sku, 4)])
    assert isinstance(answer, Committed)
    assert (answer.lines, answer.revision) == ((units(sku, 4),), 2)
    last = await shop.client.fulfil(checkout_id, "s-2")
    assert isinstance(last, Fulfilled)
    assert last.lines == (units(sku, 6),)
    assert await shop.available(sku) == (4, 0, 4)


async def test_what_is_over_is_not_amended_and_is_told(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 9)
    await hold(shop, checkout_id, sku, 3)
    await shop.client.amend(checkout_id, [(sku, 2)], amendment_id="a-1")
    outcome = await shop.client.cancel(checkout_id)
    with pytest.raises(HoldNotActive) as refused:
        await shop.client.amend(checkout_id, [(sku, 2)], amendment_id="a-2")
    assert refused.value.standing == outcome


async def test_a_bad_amendment_is_named_before_it_is_sent(shop: Shop, checkout_id: str) -> None:
    for wrong, field in (
        ({"lines": []}, "lines"),
        ({"lines": [("", 1)]}, "lines[0].sku"),
        ({"lines": [("MUG", 1)], "revision": 0}, "revision"),
        ({"lines": [("MUG", 1)], "amendment_id": "no id"}, "amendment_id"),
    ):
        with pytest.raises(InvalidRequest) as invalid:
            await shop.client.amend(checkout_id, **wrong)
        assert invalid.value.field == field


async def test_the_timeline_tells_an_amendment(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 9)
    held = await hold(shop, checkout_id, sku, 3)
    assert isinstance(held, Held)
    await shop.client.amend(checkout_id, [(sku, 5)], reason="two more", actor="sam")
    timeline = await shop.client.timeline(checkout_id)
    told = timeline.events[-1]
    assert (told.event, told.units, told.actor, told.reason) == ("amended", 5, "sam", "two more")
    assert [(m.kind, m.reserved_delta) for m in timeline.movements] == [
        ("reserve", 3),
        ("amend", 2),
    ]
    assert timeline.lines == (units(sku, 5),)
