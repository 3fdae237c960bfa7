"""Who holds what, and until when: the fake and the real client list the same."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast_client import InvalidRequest, Line, LineLike
from tests.client.shops import Shop
from tests.client.test_conformance import hold, new_sku


async def test_the_holds_on_a_sku_are_listed_by_deadline_with_what_comes_free(
    shop: Shop, checkout_id: str
) -> None:
    sku, other = new_sku(), new_sku("CUP")
    await shop.stock(sku, 5)
    await shop.stock(sku, 5, location="attic")
    await shop.stock(other, 5)
    lines: list[LineLike] = [(sku, 2), (other, 1), Line(sku=sku, quantity=1, location="attic")]
    await shop.client.reserve(f"{checkout_id}/later", lines, hold_seconds=900, customer_id="u-17")
    sooner = await hold(shop, f"{checkout_id}/sooner", sku, hold_seconds=300, cart_id="c-1")
    await hold(shop, f"{checkout_id}/over", sku)
    await shop.client.cancel(f"{checkout_id}/over")
    found = await shop.client.holds(sku=sku)
    shown = [(h.checkout_id, h.customer_id, h.cart_id, h.units) for h in found.holds]
    assert shown == [
        (f"{checkout_id}/sooner", None, "c-1", 1),
        (f"{checkout_id}/later", "u-17", None, 3),
    ]
    assert found.holds[0].expires_at == sooner.expires_at
    assert found.holds[0].lines == sooner.lines
    assert found.as_of < found.holds[0].expires_at
    assert [(s.location, s.units, s.units_by_then) for s in found.comes_free] == [
        ("main", 1, 1),
        ("attic", 1, 1),
        ("main", 2, 3),
    ]
    assert [step.at for step in found.comes_free[:1]] == [sooner.expires_at]


@pytest.mark.parametrize(
    ("wanted", "expected", "left_out"),
    [
        ({}, ["1", "2", "3"], 0),
        ({"customer_id": "u-1"}, ["2"], 0),
        ({"customer_id": "nobody"}, [], 0),
        ({"ends_within_seconds": 500}, ["1", "2"], 0),
        ({"limit": 1}, ["1"], 2),
    ],
)
async def test_holds_are_listed_by_whose_they_are_and_how_soon_they_end(
    shop: Shop, checkout_id: str, wanted: dict[str, Any], expected: list[str], left_out: int
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    for number, customer in enumerate((None, "u-1", "u-2"), start=1):
        await hold(
            shop, f"{checkout_id}/{number}", sku, hold_seconds=200 * number, customer_id=customer
        )
    found = await shop.client.holds(sku=sku, **wanted)
    assert [h.checkout_id.rpartition("/")[2] for h in found.holds] == expected
    assert found.holds_left_out == left_out


@pytest.mark.parametrize("committed", [False, True])
async def test_a_list_of_many_pages_is_read_page_by_page(
    shop: Shop, checkout_id: str, committed: bool
) -> None:
    sku = new_sku()
    await shop.stock(sku, 9)
    ids = [f"{checkout_id}/{number}" for number in range(5)]
    for number, id in enumerate(ids):
        await hold(shop, id, sku, hold_seconds=200 + number)
        if committed:
            await shop.client.confirm(id, f"pay/{id}", settle="commit")
    seen: list[str] = []
    page, left_out = None, 5
    while left_out:
        found = await shop.client.holds(sku=sku, limit=2, committed=committed, page=page)
        assert len(found.holds) == min(left_out, 2)
        left_out -= len(found.holds)
        assert found.holds_left_out == left_out
        seen += [h.checkout_id for h in found.holds]
        page = found.next_page
    assert page is None
    assert seen == ids


async def test_what_is_paid_and_on_the_shelf_is_counted_beside_the_holds(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    for name in ("a", "b"):
        await hold(shop, f"{checkout_id}/{name}", sku, customer_id=name)
        await shop.client.confirm(f"{checkout_id}/{name}", f"{checkout_id}/{name}", settle="commit")
    held = await shop.client.holds(sku=sku)
    assert (held.holds, held.committed_left_out) == ((), 2)
    assert (await shop.client.holds(sku=sku, customer_id="a")).committed_left_out == 1
    assert (await shop.client.holds(sku=sku, limit=1, committed=True)).committed_left_out == 0
    for number in range(2):
        await hold(shop, f"{checkout_id}/{number}", sku, hold_seconds=200 + number)
    first = await shop.client.holds(sku=sku, limit=1)
    second = await shop.client.holds(sku=sku, page=first.next_page)
    assert (first.committed_left_out, second.committed_left_out) == (2, 2)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("sku", {"sku": ""}),
        ("limit", {"limit": 201}),
        ("ends_within_seconds", {"ends_within_seconds": 0}),
        ("ends_within_seconds", {"ends_within_seconds": 1.5}),
        ("page", {"page": "2"}),
        ("page", {"page": "2031-03-14T09:00:00/1"}),
        ("page", {"page": "2031-03-14T09:00:00+00:00/9999999999999999999"}),
    ],
)
async def test_a_wrong_question_for_holds_names_its_field(
    shop: Shop, field: str, wanted: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await shop.client.holds(**wanted)
    assert raised.value.field == field
