"""Each command against a shop in memory: what it asks, what it shows, how it exits."""

from __future__ import annotations

import asyncio
import io
import json
import sys

import pytest

from holdfast_client import InvalidRequest
from holdfast_client.cli import main
from holdfast_client.fake.client import FakeReservationClient
from holdfast_client.methods.reservations import Reservations
from tests.client.cli.conftest import Terminal


def test_a_checkout_is_reserved_and_then_paid(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    held = holdfast("reserve", "cart-1", "MUG-01=2", "CUP-09@main=1", "--customer", "u-1")
    assert held.code == 0
    assert held.facts["status"] == "held"
    assert held.rows("line") == [["CUP-09", "main", "1"], ["MUG-01", "main", "2"]]
    paid = holdfast("confirm", "cart-1", "pay-1")
    assert paid.code == 0
    assert paid.facts["status"] == "fulfilled"
    assert shop.stock("MUG-01").total == 8


def test_a_denial_exits_with_1_and_lists_every_shortage(holdfast: Terminal) -> None:
    denied = holdfast("reserve", "cart-1", "MUG-01=11", "NO-SUCH=1")
    assert denied.code == 1
    assert denied.facts["status"] == "denied"
    assert [row[:5] for row in denied.rows("shortage")] == [
        ["MUG-01", "main", "11", "10", "insufficient"],
        ["NO-SUCH", "main", "1", "0", "unknown_sku"],
    ]


def test_reserving_again_is_no_failure_whether_the_hold_is_open_or_paid(
    holdfast: Terminal,
) -> None:
    again = ("reserve", "cart-1", "MUG-01=2")
    assert [holdfast(*again).code for _ in range(2)] == [0, 0]
    holdfast("confirm", "cart-1", "pay-1")
    paid = holdfast(*again)
    assert (paid.code, paid.facts["status"]) == (0, "fulfilled")


def test_a_hold_is_extended_to_a_new_deadline(holdfast: Terminal) -> None:
    first = holdfast("reserve", "cart-1", "MUG-01=2", "--hold", "60").facts["expires_at"]
    extended = holdfast("extend", "cart-1", "600", "--reason", "slow bank", "--actor", "sam")
    assert extended.code == 0
    assert extended.facts["expires_at"] > first
    events = holdfast("status", "cart-1").rows("event")
    assert events[-1][2:] == ["sam", "slow bank"]


def test_an_extension_given_again_with_its_id_is_made_once(holdfast: Terminal) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    first, again = (holdfast("extend", "cart-1", "600", "--extension-id", "e-1") for _ in range(2))
    assert first.facts["expires_at"] == again.facts["expires_at"]


def test_cancelling_gives_the_stock_back(holdfast: Terminal, shop: FakeReservationClient) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    cancelled = holdfast("cancel", "cart-1", "--reason", "changed mind", "--actor", "u-1")
    assert cancelled.code == 0
    assert cancelled.facts["reason"] == "changed mind"
    assert shop.stock("MUG-01").available == 10


def test_who_cancels_under_an_id_that_nobody_knows_is_told_so(holdfast: Terminal) -> None:
    cancelled = holdfast("cancel", "cart-l")
    assert (cancelled.code, cancelled.facts["status"]) == (0, "cancelled")
    assert cancelled.facts["was_known"] == "false"


def test_the_outcome_that_came_first_is_shown_and_exits_with_1(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    holdfast("reserve", "late", "MUG-01=1", "--hold", "60")
    holdfast("reserve", "given-back", "MUG-01=1", "--hold", "60")
    holdfast("cancel", "given-back")
    shop.advance(60)
    expired = holdfast("confirm", "late", "pay-1")
    assert (expired.code, expired.facts["status"]) == (1, "expired")
    unpaid = holdfast("confirm", "given-back", "pay-2")
    assert (unpaid.code, unpaid.facts["status"]) == (1, "cancelled")


def test_a_paid_checkout_cannot_be_cancelled(holdfast: Terminal) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    holdfast("confirm", "cart-1", "pay-1")
    sold = holdfast("cancel", "cart-1")
    assert (sold.code, sold.facts["status"]) == (1, "fulfilled")


def test_checkouts_are_listed_by_what_they_are_and_whose(holdfast: Terminal) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2", "--customer", "u-1", "--cart", "c-1")
    holdfast("reserve", "cart-2", "CUP-09=1", "--customer", "u-2")
    holdfast("cancel", "cart-2")

    def found(*filters: str) -> set[str]:
        return {row[0] for row in holdfast("list", *filters).rows("checkout")}

    assert found() == {"cart-1", "cart-2"}
    assert found("--status", "cancelled") == {"cart-2"}
    assert found("--customer", "u-1") == {"cart-1"}
    assert found("--cart", "c-1") == {"cart-1"}
    assert found("--sku", "CUP-09") == {"cart-2"}
    assert found("--started-before", "2001-01-01T00:00:00Z") == set()
    assert found("--started-after", "2001-01-01T00:00:00+00:00") == {"cart-1", "cart-2"}
    assert len(found("--limit", "1")) == 1


def test_stock_is_adjusted_up_and_down_and_counted(holdfast: Terminal) -> None:
    received = holdfast("adjust", "adj-1", "NEW-01", "receive", "5", "--new")
    assert (received.code, received.facts["total"], received.facts["created"]) == (0, "5", "yes")
    lowered = holdfast("adjust", "adj-2", "NEW-01", "adjust", "-2", "--reason", "broken")
    assert (lowered.code, lowered.facts["available"]) == (0, "3")
    counted = holdfast("adjust", "adj-3", "NEW-01", "count", "9", "--location", "main")
    assert (counted.code, counted.facts["total"]) == (0, "9")


def test_new_of_an_item_that_was_there_is_remarked(holdfast: Terminal) -> None:
    there = holdfast("adjust", "adj-1", "MUG-01", "receive", "5", "--new")
    assert (there.code, there.facts["total"]) == (0, "15")
    assert "MUG-01 was there already" in there.err
    for _ in range(2):
        assert holdfast("adjust", "adj-2", "NEW-01", "receive", "5", "--new").err == ""
    assert holdfast("adjust", "adj-3", "MUG-01", "receive", "5").err == ""


def test_a_refused_adjustment_exits_with_1_and_its_reason(holdfast: Terminal) -> None:
    refused = holdfast("adjust", "adj-1", "MUG-01", "adjust", "-11")
    assert (refused.code, refused.facts["reason"]) == (1, "negative_total")
    assert "there are only 10 of 'MUG-01' at main" in refused.err


def test_a_delivery_of_a_mistyped_sku_makes_nothing_unless_it_is_said_to_be_new(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    refused = holdfast("adjust", "adj-1", "MUGG-01", "receive", "5")
    assert (refused.code, refused.facts["reason"]) == (1, "unknown_sku")
    assert "there is no 'MUGG-01' at main; if it is new, say --new" in refused.err
    assert shop.stock("MUGG-01").total == 0
    assert holdfast("adjust", "adj-2", "MUG-01", "receive", "5").facts["total"] == "15"


def test_stock_that_is_held_is_refused_with_its_holders(holdfast: Terminal) -> None:
    deadline = holdfast("reserve", "cart-1", "MUG-01=4").facts["expires_at"]
    refused = holdfast("adjust", "adj-1", "MUG-01", "count", "3")
    assert (refused.code, refused.facts["reason"]) == (1, "below_reserved")
    assert (refused.facts["total"], refused.facts["reserved"]) == ("10", "4")
    assert refused.rows("holder") == [["cart-1", "4", deadline]]
    assert "4 of 'MUG-01' at main are held for buyers" in refused.err


def test_an_item_is_taken_out_of_sale_and_put_back_without_a_quantity(holdfast: Terminal) -> None:
    out = holdfast("adjust", "adj-1", "MUG-01", "deactivate", "--reason", "recall")
    assert (out.code, out.facts["for_sale"], out.facts["total"]) == (0, "no", "10")
    assert holdfast("reserve", "cart-1", "MUG-01=1").rows("shortage")[0][4] == "inactive"
    assert holdfast("adjust", "adj-2", "MUG-01", "activate").facts["for_sale"] == "yes"
    assert holdfast("reserve", "cart-2", "MUG-01=1").code == 0


def test_a_refusal_carries_its_details_in_json(holdfast: Terminal) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    conflict = holdfast("reserve", "cart-1", "MUG-01=3", "--customer", "u-1", "--json")
    assert conflict.document["error"]["details"] == {"differs": ["lines", "customer_id"]}
    too_long = holdfast("extend", "cart-1", "14000", "--json")
    assert too_long.document["error"]["details"] == {"cap_seconds": 14400, "seconds_max": 13500}
    assert "at most 3h45m" in too_long.err
    holdfast("cancel", "cart-1")
    over = holdfast("extend", "cart-1", "60", "--json")
    assert over.document["error"]["details"]["standing"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("reserve", "open", "MUG-01=1"), "held"),
        (("reserve", "none", "MUG-01=99"), "denied"),
        (("confirm", "open", "pay-1"), "fulfilled"),
        (("cancel", "second"), "cancelled"),
        (("confirm", "third", "pay-1"), "expired"),
        (("status", "open"), "held"),
        (("adjust", "a", "MUG-01", "count", "50"), "applied"),
    ],
)
def test_json_prints_one_document_as_the_contract_spells_it(
    holdfast: Terminal, shop: FakeReservationClient, words: tuple[str, ...], status: str
) -> None:
    holdfast("reserve", "third", "MUG-01=1", "--hold", "1")
    shop.advance(1)
    holdfast("reserve", "open", "MUG-01=1")
    holdfast("reserve", "second", "MUG-01=1")
    for answer in (holdfast("--json", *words), holdfast(*words, "--json")):
        assert answer.document["status"] == status
        assert answer.out.count("\n") == 1
        assert answer.err == ""


def test_a_list_says_where_it_is_cut_and_what_it_cannot_tell(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=1")
    assert holdfast("list").err == ""
    assert "only the first 1 are shown" in holdfast("list", "--limit", "1").err
    with pytest.raises(InvalidRequest):
        asyncio.run(shop.reserve_cart("cart-2", "no-cart"))
    assert "`holdfast status CHECKOUT` tells what became of the stock" in holdfast("list").err


def test_json_lists_checkouts_as_an_array_even_when_there_are_none(holdfast: Terminal) -> None:
    assert holdfast("list", "--json").document == []
    holdfast("reserve", "cart-1", "MUG-01=1")
    (only,) = holdfast("list", "--json").document
    assert (only["checkout_id"], only["status"], only["skus"]) == ("cart-1", "held", ["MUG-01"])


@pytest.mark.parametrize(
    ("words", "kind", "code"),
    [
        (("reserve", "cart-1", "MUG-01=3"), "CheckoutConflict", 1),
        (("extend", "cart-1", "14000"), "ExtensionRefused", 1),
        (("extend", "over", "60"), "HoldNotActive", 1),
        (("status", "never"), "CheckoutNotFound", 1),
        (("adjust", "adj-1", "MUG-01", "receive", "2"), "AdjustmentConflict", 1),
        (("reserve", "two words", "MUG-01=1"), "InvalidRequest", 2),
        (("reserve", "cart-2", "MUG-01=0"), "InvalidRequest", 2),
    ],
)
def test_an_error_is_one_line_on_stderr_and_with_json_a_document_too(
    holdfast: Terminal, words: tuple[str, ...], kind: str, code: int
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=2")
    holdfast("reserve", "over", "MUG-01=2")
    holdfast("cancel", "over")
    holdfast("adjust", "adj-1", "MUG-01", "receive", "1")
    plain = holdfast(*words)
    assert (plain.code, plain.out) == (code, "")
    assert plain.err.startswith("holdfast: ")
    assert plain.err.count("\n") == 1
    as_json = holdfast(*words, "--json")
    assert (as_json.code, as_json.document["error"]["type"]) == (code, kind)
    assert as_json.document["error"]["message"] in as_json.err


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("reserve", "cart-1", "MUG-01"), "lines[0]"),
        (("reserve", "cart-1", "MUG-01=1", "CUP-09=one"), "lines[1].quantity"),
        (("reserve", "cart-1", "MUG-01=1.0"), "lines[0].quantity"),
        (("reserve", "cart-1", "MUG-01=٣"), "lines[0].quantity"),
        (("reserve", "cart-1", "MUG-01=1000001"), "lines[0].quantity"),
        (("reserve", "cart-1", "=1"), "lines[0].sku"),
        (("reserve", "cart-1", "MUG-01@=1"), "lines[0].location"),
        (("reserve", "cart-1", "MUG-01=1", "--hold", "0"), "hold"),
        (("reserve", "", "MUG-01=1"), "checkout_id"),
        (("confirm", "cart-1", ""), "payment_reference"),
        (("extend", "cart-1", "0"), "seconds"),
        (("list", "--started-after", "yesterday"), "started_after"),
        (("list", "--started-before", "2026-01-31T09:00:00"), "started_before"),
        (("adjust", "adj-1", "MUG-01", "count", "many"), "quantity"),
        (("adjust", "adj-1", "MUG-01", "count"), "quantity"),
        (("adjust", "adj-1", "MUG-01", "deactivate", "3"), "quantity"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_asked(
    holdfast: Terminal, words: tuple[str, ...], field: str
) -> None:
    refused = holdfast("--json", *words)
    assert refused.code == 2
    assert refused.document["error"]["field"] == field


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("resrve", "cart-1"), "Did you mean 'reserve'? See 'holdfast --help'"),
        (("--json",), "Missing command. See 'holdfast --help'"),
        (("reserve",), "Missing argument 'CHECKOUT'. See 'holdfast reserve --help'"),
        (("reserve", "cart-1"), "See 'holdfast reserve --help'"),
        (("reserve", "cart-1", "MUG-01=1", "--hold", "soon"), "--hold"),
        (("extend", "cart-1", "1.5"), "See 'holdfast extend --help'"),
        (("adjust", "a", "MUG-01", "steal", "1"), "See 'holdfast adjust --help'"),
        (("list", "--status", "lost"), "'fulfilled'"),
        (("status", "cart-1", "--colour"), "No such option: --colour"),
        (("list", "--limit", "0"), "'0' is not 1 to 1,000"),
        (("status", "cart-1", "--timeout", "0"), "--timeout"),
        (("status", "cart-1", "--timeout", "nan"), "--timeout"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_read_on(
    holdfast: Terminal, words: tuple[str, ...], hint: str
) -> None:
    refused = holdfast(*words)
    assert refused.code == 2
    assert hint in refused.err
    assert refused.err.count("\n") == 1
    if "--json" not in words:
        assert holdfast(*words, "--json").document["error"]["type"] == "UsageError"


def test_json_named_behind_a_double_dash_is_no_option(holdfast: Terminal) -> None:
    refused = holdfast("status", "--", "--json")
    assert (refused.code, refused.out) == (2, "")


def test_without_a_command_the_help_is_shown(holdfast: Terminal) -> None:
    shown = holdfast()
    assert shown.code == 2
    assert all(name in shown.out for name in ("reserve", "confirm", "extend", "cancel", "replay"))


def test_the_options_of_every_command_are_taken_before_and_after_its_name(
    holdfast: Terminal,
) -> None:
    holdfast("reserve", "cart-1", "MUG-01=1")
    holdfast("--address", "a:1", "--timeout", "3", "status", "cart-1", "--namespace", "n")
    holdfast("--address", "a:1", "status", "cart-1", "--address", "b:2")
    before_and_after, after_wins = holdfast.settings[-2:]
    assert (before_and_after.address, before_and_after.namespace) == ("a:1", "n")
    assert before_and_after.timeout_seconds == 3
    assert after_wins.address == "b:2"


def test_an_unavailable_inventory_exits_with_3(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    shop.make_unavailable()
    answer = holdfast("reserve", "cart-1", "MUG-01=1", "--json")
    assert (answer.code, answer.document) == (3, {"status": "unavailable"})


def test_an_unreachable_server_and_a_lost_answer_exit_with_3(
    holdfast: Terminal, shop: FakeReservationClient
) -> None:
    shop.lose_answers()
    lost = holdfast("reserve", "cart-1", "MUG-01=1", "--json")
    assert (lost.code, lost.document["error"]["type"]) == (3, "OutcomeUnknown")
    shop.make_unreachable()
    gone = holdfast("status", "cart-1", "--json")
    assert (gone.code, gone.document["error"]["type"]) == (3, "ServerUnreachable")


def test_an_interrupted_command_exits_with_130_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def connect(_: object) -> Reservations:
        raise KeyboardInterrupt

    assert main(["status", "cart-1"], connect=connect) == 130
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["status", "cart-1", "--json"], connect=connect) == 130
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "Interrupted"


class Screenful(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_sentence_and_tables(
    holdfast: Terminal, shop: FakeReservationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.set_stock("[red]odd[/red]", 4)
    screen = Screenful()
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", screen)
    assert holdfast("reserve", "cart-1", "[red]odd[/red]=3").code == 0
    shown = screen.getvalue()
    assert "cart-1 is held until" in shown
    assert "[red]odd[/red]" in shown, "a SKU is no markup"
    assert "sku             location  quantity" in shown


def test_json_stays_json_in_a_terminal(holdfast: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screenful()
    monkeypatch.setattr(sys, "stdout", screen)
    holdfast("reserve", "cart-1", "MUG-01=3", "--json")
    assert json.loads(screen.getvalue())["status"] == "held"
