"""What is asked wrongly of an availability reader is told by its argument; nothing is sent."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast_client import AvailabilityReader, InvalidRequest, SyncAvailabilityReader
from holdfast_client.availability.figures import SKUS_MAX


@pytest.fixture
async def reader() -> AvailabilityReader:
    """A reader of a database that is not there: whoever asks it is told that it cannot be read."""
    return AvailabilityReader("postgresql://u@127.0.0.1:1/d")


@pytest.mark.parametrize(
    ("field", "skus"),
    [
        ("skus", [f"S{n}" for n in range(SKUS_MAX + 1)]),
        ("skus[1]", ["MUG", " CUP"]),
        ("skus[0]", [""]),
        ("skus[0]", ["MUG\x00"]),
        ("skus[0]", ["MUG\ud800"]),
        ("skus", "MUG"),
        ("skus", None),
        ("skus", 7),
    ],
)
async def test_a_wrong_question_names_its_field(reader: AvailabilityReader, field: str, skus: Any):
    with pytest.raises(InvalidRequest) as raised:
        await reader.many(skus)
    assert raised.value.field == field
    with pytest.raises(InvalidRequest, match="limit"):
        await reader.page(limit=SKUS_MAX + 1)


@pytest.mark.parametrize("sku", ["", " MUG", "MUG\x00", "MUG\ud800", ["MUG"]])
async def test_a_wrong_sku_is_told_by_the_name_of_its_argument(
    reader: AvailabilityReader, sku: Any
):
    with pytest.raises(InvalidRequest) as raised:
        await reader.one(sku)
    assert raised.value.field == "sku"


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        ("\x00", "holds U+0000 as its character 1, as no SKU does"),
        ("MUG\ud800", "holds U+D800 as its character 4, as no SKU does"),
        ("x" * 1_001, "at most 1000 characters"),
        (None, "valid string"),
    ],
)
async def test_a_page_cannot_begin_behind_what_is_no_text_of_a_database(
    reader: AvailabilityReader, after: Any, problem: str
):
    with pytest.raises(InvalidRequest) as raised:
        await reader.page(after)
    assert raised.value.field == "after"
    assert problem in raised.value.problem


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://u@h/d",
        "postgresql://u:secret@h:x y/d",
        "host=h",
        "postgresql://u:secret\ud800@h/d",
        "postgresql://u:secret@h..i/d",
        "postgresql://u:secret@h:1,i:2,j/d?hostaddr=127.0.0.1",
        7,
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_READER_URL", raising=False)
    with pytest.raises(InvalidRequest, match="URL") as raised:
        AvailabilityReader(url)
    assert raised.value.field == "url"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", [AvailabilityReader, SyncAvailabilityReader])
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *(("timeout_seconds", wrong) for wrong in (0, -1, float("nan"), "2", True)),
        *(("connections_max", wrong) for wrong in (0, "4", 1.5, True)),
    ],
)
def test_a_wrong_setting_is_told_by_the_name_of_its_argument(
    kind: type[AvailabilityReader] | type[SyncAvailabilityReader], field: str, wrong: Any
):
    with pytest.raises(InvalidRequest) as raised:
        kind("postgresql://u@h/d", **{field: wrong})
    assert raised.value.field == field
