"""Ids that look alike are one id, or are refused: in messages, in the fake, in searches."""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import (
    SKU_LENGTH_MAX,
    CheckoutId,
    Location,
    PartyId,
    Reference,
    Sku,
)
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Line,
    StockAdjustment,
)
from holdfast_client.contract.outcomes import Denied, Held
from holdfast_client.contract.summaries import CheckoutFilter
from holdfast_client.fake.client import FakeReservationClient

COMPOSED = "T\u00c4SSE"
DECOMPOSED = "TA\u0308SSE"
INVISIBLE = ["\u200b", "\ufeff", "\u202e", "\u00ad", "\u2060", "\u00a0", "\u2066", "\U000e0041"]


@pytest.mark.parametrize("kind", [Sku, Location, PartyId, Reference, CheckoutId])
@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_what_nobody_sees_is_refused_in_every_id_and_named(
    kind: type[str], character: str, place: int
) -> None:
    text = "MUG"[:place] + character + "MUG"[place:]
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(text)
    said = InvalidRequest.from_validation(caught.value).problem
    assert f"U+{ord(character):04X}" in said
    assert f"character {place + 1}" in said
    assert character not in said


@pytest.mark.parametrize("kind", [Sku, Location, PartyId, Reference])
def test_letters_are_one_however_they_were_typed(kind: type[str]) -> None:
    adapter = TypeAdapter(kind)
    assert adapter.validate_python(DECOMPOSED) == COMPOSED
    assert adapter.validate_json(json.dumps(DECOMPOSED)) == COMPOSED


def test_the_length_that_counts_is_that_of_what_is_kept() -> None:
    adapter = TypeAdapter(Sku)
    assert len(adapter.validate_python("A\u0308" * SKU_LENGTH_MAX)) == SKU_LENGTH_MAX
    # This letter comes apart.
    with pytest.raises(ValidationError, match="at most 100"):
        adapter.validate_python("\u0958" * SKU_LENGTH_MAX)


def test_case_and_inner_spaces_are_the_shops_business() -> None:
    adapter = TypeAdapter(Sku)
    spellings = ["MUG 01", "mug 01", "MUG  01", "MUG01", "\uff2d\uff35\uff27 01"]
    assert [adapter.validate_python(text) for text in spellings] == spellings
    with pytest.raises(ValidationError, match="begins or ends with a space"):
        adapter.validate_python("MUG ")


def test_free_text_keeps_what_is_harmless_and_refuses_what_turns_it_round() -> None:
    kept = "soft\u00adhyphen \U0001f468\u200d\U0001f469 no-break\u00a0space"
    assert Cancellation(reason=kept, actor="Zoe\u0308").model_dump() == {
        "reason": kept,
        "actor": "Zo\u00eb",
    }
    for field in ("reason", "actor"):
        with pytest.raises(ValidationError, match=r"U\+202E RIGHT-TO-LEFT OVERRIDE"):
            Cancellation(**{field: "paid \u202eon"})


def test_two_requests_are_the_same_whatever_the_form_of_their_letters() -> None:
    one, other = (
        CheckoutRequest(
            checkout_id="c",
            lines=(Line(sku=sku, quantity=1), Line(sku=COMPOSED, quantity=2)),
            customer_id=sku,
        ).normalized()
        for sku in (COMPOSED, DECOMPOSED)
    )
    assert one == other
    assert [line.quantity for line in one.lines] == [3]


def test_every_message_is_kept_in_one_form() -> None:
    assert Confirmation(payment_reference=DECOMPOSED).payment_reference == COMPOSED
    change = StockAdjustment(
        adjustment_id="a", sku=DECOMPOSED, location=DECOMPOSED, kind="receive", quantity=1
    )
    assert (change.sku, change.location) == (COMPOSED, COMPOSED)
    assert CheckoutFilter(sku=DECOMPOSED, customer_id=DECOMPOSED).sku == COMPOSED


async def test_the_fake_has_one_item_for_both_forms_and_none_for_what_nobody_sees() -> None:
    shop = FakeReservationClient({DECOMPOSED: 3})
    assert shop.stock(COMPOSED).total == shop.stock(DECOMPOSED).total == 3
    assert isinstance(await shop.reserve("c-1", [(DECOMPOSED, 2)]), Held)
    assert isinstance(await shop.reserve("c-2", [(COMPOSED, 2)]), Denied)
    assert [each.checkout_id for each in await shop.list(sku=DECOMPOSED)] == ["c-1", "c-2"]
    with pytest.raises(InvalidRequest, match=r"sku: .*U\+200B"):
        shop.set_stock("MUG\u200b", 1)
    with pytest.raises(InvalidRequest, match=r"location: .*U\+200B"):
        shop.stock("MUG", "ma\u200bin")
    with pytest.raises(InvalidRequest, match=r"lines\[0\]\.sku: .*U\+200B"):
        await shop.reserve("c-3", [("MUG\u200b", 1)])
