"""What every client of a shop does alike with what is paid and not shipped: fake and real."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import pytest

from holdfast_client import (
    Cancelled,
    Committed,
    ExtensionRefused,
    Fulfilled,
    Held,
    HeldLine,
    HoldNotActive,
    InvalidRequest,
    OperationConflict,
    OverOpen,
)
from tests.client.shops import Shop
from tests.client.test_conformance import hold, new_sku


def units(sku: str, quantity: int, location: str = "main") -> HeldLine:
    return HeldLine(sku=sku, location=location, quantity=quantity)


async def commit(
    shop: Shop, checkout_id: str, sku: str, quantity: int = 3, actor: str = ""
) -> Committed:
    await shop.stock(sku, 10)
    await hold(shop, checkout_id, sku, quantity)
    outcome = await shop.client.confirm(
        checkout_id, f"pay-{checkout_id}", settle="commit", actor=actor
    )
    assert isinstance(outcome, Committed)
    return outcome


async def test_what_is_committed_stays_reserved_past_the_deadline(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    outcome = await commit(shop, checkout_id, sku)
    assert (outcome.lines, outcome.revision) == ((units(sku, 3),), 1)
    await shop.pass_time(1_000)
    assert await shop.available(sku) == (10, 3, 7)
    report = await shop.client.status(checkout_id)
    assert (report.status, report.expires_at, report.revision) == ("committed", None, 1)
    assert (await shop.client.holds()).holds == ()


async def test_another_payment_is_a_duplicate(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    outcome = await commit(shop, checkout_id, sku)
    assert await shop.client.confirm(checkout_id, f"pay-{checkout_id}") == outcome
    second = await shop.client.confirm(checkout_id, "pay_2", settle="commit")
    assert second == outcome.model_copy(update={"duplicate_payment": True})
    assert await shop.available(sku) == (10, 3, 7)


async def test_shipments_are_made_once_and_the_last_one_ends_it(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    outcome = await commit(shop, checkout_id, sku)
    first = await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)])
    assert first == outcome.model_copy(update={"lines": (units(sku, 2),)})
    assert await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)]) == first
    assert await shop.available(sku) == (9, 2, 7)
    last = await shop.client.fulfil(checkout_id, "s-2")
    assert isinstance(last, Fulfilled)
    assert (last.lines, last.released) == ((units(sku, 3),), ())
    # Also when it is over: the warehouse did not hear the answer.
    assert await shop.client.fulfil(checkout_id, "s-2") == last
    assert await shop.available(sku) == (7, 0, 7)
    report = await shop.client.status(checkout_id)
    assert [(s.shipment_id, s.units) for s in report.shipments] == [("s-1", 1), ("s-2", 2)]


async def test_a_shipment_id_with_other_content_is_refused_when_it_is_over_too(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await commit(shop, checkout_id, sku)
    await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)], actor="sam")
    last = await shop.client.fulfil(checkout_id, "s-2")
    for lines, actor, differs in (
        ([(sku, 2)], "sam", ("lines",)),
        ([(new_sku(), 1)], "sam", ("lines",)),
        (None, "sam", ("lines",)),
        ([(sku, 1)], "kim", ("actor",)),
    ):
        with pytest.raises(OperationConflict) as other:
            await shop.client.fulfil(checkout_id, "s-1", lines, actor=actor)
        assert other.value.differs == differs
    assert await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)], actor="sam") == last
    with pytest.raises(HoldNotActive):
        await shop.client.fulfil(checkout_id, "s-3", [(sku, 1)])
    assert await shop.available(sku) == (7, 0, 7)


async def test_a_shipment_can_give_the_rest_back(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await commit(shop, checkout_id, sku)
    outcome = await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)], rest="release")
    assert isinstance(outcome, Fulfilled)
    assert (outcome.lines, outcome.released) == ((units(sku, 1),), (units(sku, 2),))
    assert await shop.available(sku) == (9, 0, 9)


@pytest.mark.parametrize("released", [1, 9])
async def test_a_shipment_gives_no_rest_back_under_the_id_of_a_release(
    shop: Shop, checkout_id: str, released: int
) -> None:
    """Whether that was made or refused."""
    sku = new_sku()
    await commit(shop, checkout_id, sku)
    with contextlib.suppress(OverOpen):
        await shop.client.release(checkout_id, [(sku, released)], release_id="r-1")
    figures = await shop.available(sku)
    with pytest.raises(OperationConflict) as conflict:
        await shop.client.fulfil(checkout_id, "r-1", [(sku, 1)], rest="release")
    assert conflict.value.differs == ("rest",)
    assert await shop.available(sku) == figures


async def test_refusals_say_what_is_open_and_change_nothing(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await commit(shop, checkout_id, sku)
    await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)])
    with pytest.raises(OverOpen) as over:
        await shop.client.fulfil(checkout_id, "s-2", [(sku, 3)])
    assert over.value.lines == (units(sku, 2),)
    with pytest.raises(OverOpen):
        await shop.client.release(checkout_id, [(new_sku(), 1)])
    with pytest.raises(OperationConflict) as other:
        await shop.client.fulfil(checkout_id, "s-1", [(sku, 2)])
    assert other.value.differs == ("lines",)
    with pytest.raises(HoldNotActive) as longer:
        await shop.client.extend(checkout_id, 60)
    assert isinstance(longer.value.standing, Committed)
    assert await shop.available(sku) == (9, 2, 7)


async def test_where_a_sku_is_at_two_places_the_place_must_be_named(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await shop.stock(sku, 5, location="attic")
    lines = [{"sku": sku, "quantity": 1}, {"sku": sku, "quantity": 2, "location": "attic"}]
    await shop.client.reserve(checkout_id, lines)
    await shop.client.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
    with pytest.raises(OverOpen):
        await shop.client.fulfil(checkout_id, "s-0", [(sku, 1)])
    first = await shop.client.fulfil(
        checkout_id, "s-1", [{"sku": sku, "quantity": 2, "location": "attic"}]
    )
    assert isinstance(first, Committed)
    assert first.lines == (units(sku, 1),)
    assert isinstance(await shop.client.fulfil(checkout_id, "s-2", [(sku, 1)]), Fulfilled)


async def test_a_shipment_that_was_refused_stays_refused_under_its_id(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    await hold(shop, checkout_id, sku)
    for lines in (None, [(sku, 9)]):
        id = "s-all" if lines is None else "s-many"
        for _ in range(2):
            with pytest.raises(HoldNotActive if lines is None else OverOpen):
                await shop.client.fulfil(checkout_id, id, lines)
            await shop.client.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
        with pytest.raises(OperationConflict):
            await shop.client.fulfil(checkout_id, id, [(sku, 1)])
    assert isinstance(await shop.client.fulfil(checkout_id, "s-1"), Fulfilled)


async def test_what_is_held_or_over_is_not_shipped(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    held = await hold(shop, checkout_id, sku)
    with pytest.raises(HoldNotActive) as raised:
        await shop.client.fulfil(checkout_id, "s-1")
    assert raised.value.standing == held
    await shop.client.cancel(checkout_id)
    for part in (
        shop.client.fulfil(checkout_id, "s-1"),
        shop.client.release(checkout_id, [(sku, 1)]),
    ):
        with pytest.raises(HoldNotActive) as raised:
            await part
        assert isinstance(raised.value.standing, Cancelled)


async def test_a_part_of_a_hold_is_given_back_once(shop: Shop, checkout_id: str) -> None:
    sku = new_sku()
    await shop.stock(sku, 5)
    held = await hold(shop, checkout_id, sku, 3)
    answer = await shop.client.release(checkout_id, [(sku, 1)], release_id="r-1")
    assert isinstance(answer, Held)
    assert answer == held.model_copy(update={"lines": (units(sku, 2),), "revision": 2})
    assert await shop.client.release(checkout_id, [(sku, 1)], release_id="r-1") == answer
    assert await shop.available(sku) == (5, 2, 3)
    paid = await shop.client.confirm(checkout_id, f"pay-{checkout_id}")
    assert isinstance(paid, Fulfilled)
    assert (paid.lines, paid.released) == ((units(sku, 2),), (units(sku, 1),))
    assert await shop.available(sku) == (3, 0, 3)


@pytest.mark.parametrize("shipped", [0, 1])
async def test_giving_all_back_or_cancelling_ends_it_alike(
    shop: Shop, checkout_id: str, shipped: int
) -> None:
    for way in ("release", "cancel"):
        sku, id = new_sku(), f"{checkout_id}-{way}"
        await commit(shop, id, sku)
        if shipped:
            await shop.client.fulfil(id, "s-1", [(sku, shipped)])
        outcome = (
            await shop.client.cancel(id)
            if way == "cancel"
            else await shop.client.release(id, [(sku, 3 - shipped)])
        )
        if shipped:
            assert isinstance(outcome, Fulfilled)
            assert (outcome.lines, outcome.released) == ((units(sku, 1),), (units(sku, 2),))
        else:
            assert isinstance(outcome, Cancelled)
        assert await shop.available(sku) == (10 - shipped, 0, 10 - shipped)


async def test_the_timeline_tells_payment_shipments_and_what_was_given_back(
    shop: Shop, checkout_id: str
) -> None:
    sku = new_sku()
    await commit(shop, checkout_id, sku, 4, actor="till-3")
    await shop.client.fulfil(checkout_id, "s-1", [(sku, 1)], actor="sam")
    await shop.client.release(checkout_id, [(sku, 1)], reason="less")
    while_open = await shop.client.timeline(checkout_id)
    assert (while_open.status, while_open.payment_reference) == ("committed", f"pay-{checkout_id}")
    await shop.client.fulfil(checkout_id, "s-2", [(sku, 1)], rest="release")
    timeline = await shop.client.timeline(checkout_id)
    assert [(e.event, e.actor, e.reason, e.units, e.shipment_id) for e in timeline.events] == [
        ("held", "", "", None, None),
        ("committed", "till-3", f"payment pay-{checkout_id}", None, None),
        ("shipped", "sam", "", 1, "s-1"),
        ("released", "", "less", 1, None),
        ("shipped", "", "", 1, "s-2"),
        ("released", "", "", 1, None),
        ("fulfilled", "", "", None, None),
    ]
    assert [(m.kind, m.total_delta, m.reserved_delta) for m in timeline.movements] == [
        ("reserve", 0, 4),
        ("fulfil", -1, -1),
        ("release", 0, -1),
        ("fulfil", -1, -1),
        ("release", 0, -1),
    ]


async def test_bad_arguments_are_named(shop: Shop, checkout_id: str) -> None:
    for part, field in (
        (shop.client.confirm(checkout_id, "p", settle="later"), "settle"),  # type: ignore[call-overload]
        (shop.client.fulfil(checkout_id, ""), "shipment_id"),
        (shop.client.fulfil(checkout_id, "s", []), "lines"),
        (shop.client.fulfil(checkout_id, "s", [("A", 0)]), "lines[0].quantity"),
        (shop.client.fulfil(checkout_id, "s", rest="burn"), "rest"),  # type: ignore[arg-type]
        (shop.client.release(checkout_id, []), "lines"),
        (shop.client.release(checkout_id, [("A", 1)], release_id=" "), "release_id"),
    ):
        with pytest.raises(InvalidRequest) as raised:
            await part
        assert raised.value.field == field


async def _extended(shop: Shop, checkout_id: str, seconds: int) -> object:
    return await shop.client.extend(checkout_id, seconds, extension_id="x-1")


async def _released(shop: Shop, checkout_id: str, quantity: int) -> object:
    return await shop.client.release(checkout_id, [(checkout_id, quantity)], release_id="x-1")


@pytest.mark.parametrize(("change", "amount"), [(_extended, 60), (_released, 1)])
async def test_what_was_decided_under_an_id_is_answered_by_it_also_after_the_end(
    shop: Shop, checkout_id: str, change: Callable[[Shop, str, int], Awaitable[object]], amount: int
) -> None:
    await shop.stock(checkout_id, 5)
    await hold(shop, checkout_id, checkout_id, 3)
    first = await change(shop, checkout_id, amount)
    # Temporal answers the same id without reading what it carries now.
    assert await change(shop, checkout_id, amount + 1) == first
    await shop.client.cancel(checkout_id)
    assert await change(shop, checkout_id, amount) == first


@pytest.mark.parametrize(
    ("change", "too_much", "amount", "refusal"),
    [(_extended, 14_000, 60, ExtensionRefused), (_released, 4, 1, OverOpen)],
)
async def test_what_was_refused_under_an_id_stays_refused(  # noqa: PLR0917 fixtures
    shop: Shop,
    checkout_id: str,
    change: Callable[[Shop, str, int], Awaitable[object]],
    too_much: int,
    amount: int,
    refusal: type[Exception],
) -> None:
    await shop.stock(checkout_id, 5)
    await hold(shop, checkout_id, checkout_id, 3)
    for asked in (too_much, amount):
        with pytest.raises(refusal):
            await change(shop, checkout_id, asked)
