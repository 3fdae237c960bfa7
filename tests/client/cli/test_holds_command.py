"""``holdfast holds``: who holds what, for people and for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from holdfast_client import FakeReservationClient
from holdfast_client.cli.holds_sheet import holds_sheet
from holdfast_client.contract.holds import HOLDS_LIMIT_MAX, Holds
from holdfast_client.terminal.moments import local_text
from tests.client.cli.conftest import Terminal


@pytest.fixture
def held(holdfast: Terminal) -> Terminal:
    holdfast("reserve", "cart-1", "MUG-01=2", "CUP-09=1", "--customer", "u-17", "--hold", "2h")
    holdfast("reserve", "cart-2", "MUG-01=1", "--hold", "30m")
    return holdfast


def test_the_last_of_a_sku_are_found_with_who_holds_them_and_until_when(held: Terminal) -> None:
    ran = held("holds", "--sku", "MUG-01")
    assert (ran.code, ran.err) == (0, "")
    assert [row[1:] for row in ran.rows("hold")] == [
        ["cart-2", "", "1", "1 MUG-01"],
        ["cart-1", "u-17", "2", "2 MUG-01"],
    ]
    assert [row[1:] for row in ran.rows("comes_free")] == [
        ["MUG-01", "main", "1", "1"],
        ["MUG-01", "main", "2", "3"],
    ]
    deadlines = [row[0] for row in ran.rows("hold")]
    assert deadlines == [row[0] for row in ran.rows("comes_free")] == sorted(deadlines)


def test_holds_of_one_buyer_and_those_that_end_soon(held: Terminal) -> None:
    assert [row[1] for row in held("holds", "--customer", "u-17").rows("hold")] == ["cart-1"]
    assert [row[1] for row in held("holds", "--ends-within", "1h").rows("hold")] == ["cart-2"]


def test_what_is_cut_off_is_said_and_so_is_that_nothing_is_held(held: Terminal) -> None:
    cut = held("holds", "--limit", "1")
    assert cut.facts["holds_left_out"] == "1"
    assert "only the first 1 of 2 holds are shown" in cut.err
    none = held("holds", "--sku", "HAT-01")
    assert (none.code, none.out) == (0, "")
    assert "nothing is held of HAT-01" in none.err


def test_more_than_one_page_is_listed_whole(held: Terminal, shop: FakeReservationClient) -> None:
    count = HOLDS_LIMIT_MAX + 5
    shop.set_stock("PEN-01", count)
    for number in range(count):
        held("reserve", f"many-{number}", "PEN-01=1", "--hold", "30m")
    ran = held("holds", "--sku", "PEN-01", "--limit", "1000")
    assert len(ran.rows("hold")) == count
    assert "holds_left_out" not in ran.facts
    assert ran.rows("comes_free")[-1][-1] == str(count)
    assert (
        held("holds", "--sku", "PEN-01", "--limit", str(count - 1)).facts["holds_left_out"] == "1"
    )


def test_what_is_paid_and_not_sent_is_told_where_nothing_is_held(held: Terminal) -> None:
    for cart in ("cart-1", "cart-2"):
        held("confirm", cart, f"pay-{cart}", "--settle", "commit")
    ran = held("holds", "--sku", "MUG-01")
    assert ran.facts["committed_left_out"] == "2"
    assert "--committed" in ran.err
    assert [
        row[1] for row in held("holds", "--committed", "--sku", "MUG-01").rows("committed")
    ] == [
        "cart-1",
        "cart-2",
    ]


def test_what_reserves_stock_and_is_no_hold_is_in_the_headline() -> None:
    nothing = Holds(as_of=datetime(2031, 3, 14, tzinfo=UTC))
    assert holds_sheet(nothing, "MUG").headline == "Nothing is held of MUG."
    beside = nothing.model_copy(update={"committed_left_out": 2, "shop_reserved": 1})
    assert holds_sheet(beside, "MUG").headline == (
        "Nothing is held of MUG. Paid and still on the shelf: 2 checkouts. "
        "Reserved by the shop's own code: 1 unit."
    )


def test_json_is_the_answer_itself(held: Terminal) -> None:
    document = held("holds", "--json").document
    assert [hold["checkout_id"] for hold in document["holds"]] == ["cart-2", "cart-1"]
    assert document["holds"][1]["lines"][0] == {"sku": "CUP-09", "location": "main", "quantity": 1}
    assert (document["holds_left_out"], document["comes_free_left_out"]) == (0, 0)


def test_a_hold_past_its_deadline_is_told_as_not_freed_yet() -> None:
    passed, later = "2031-03-14T09:00:00Z", "2031-03-14T10:00:00Z"
    held_at, lines = "2031-03-14T08:45:00Z", [{"sku": "MUG", "location": "main", "quantity": 1}]
    found = Holds.model_validate_json(
        json.dumps(
            {
                "as_of": "2031-03-14T09:05:00Z",
                "holds": [
                    {"checkout_id": id, "held_at": held_at, "expires_at": at, "units": 1}
                    | {"lines": lines}
                    for id, at in (("c1", passed), ("c2", later))
                ],
                "comes_free": [
                    {"sku": "MUG", "location": "main", "at": at, "units": 1, "units_by_then": n}
                    for n, at in enumerate((passed, later), start=1)
                ],
            }
        )
    )
    sheet = holds_sheet(found, "MUG")
    ends_at = local_text(found.holds[1].ends_at)
    assert sheet.headline == (
        "2 holds of 2 units of MUG; of 1 the deadline has passed: not freed yet; "
        f"the next ends at {ends_at}."
    )
    rows = {table.name: table.rows for table in sheet.tables}
    assert [row[0] for row in rows["overdue"]] == [found.holds[0].ends_at]
    assert [row[0] for row in rows["comes_free"]] == [found.holds[1].ends_at]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ends-within", "60d"), "'--ends-within': '60d' is not 1s to 30d"),
        (("--committed", "--older-than", "9999d"), "'9999d' is not 0s to 3650d"),
    ],
)
def test_a_limit_is_told_in_the_words_and_units_of_its_option(
    held: Terminal, words: tuple[str, ...], told: str
) -> None:
    ran = held("holds", *words)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--ends-within", "soon"), 2),
        (("--ends-within", "0"), 2),
        (("--ends-within", "1000d"), 2),
        (("--limit", "10001"), 2),
        (("--sku", ""), 2),
    ],
)
def test_a_wrong_question_is_one_line(held: Terminal, words: tuple[str, ...], code: int) -> None:
    ran = held("holds", *words)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1


def test_a_database_that_is_away_is_unknown(held: Terminal, shop: FakeReservationClient) -> None:
    shop.make_unavailable()
    assert held("holds").code == 3
