"""Moving the deadline of a hold: only a live one, only forward, only under the cap."""

from __future__ import annotations

import pytest

from activities.inventory.ledger import Ledger
from activities.inventory.ledger_operations import HOLD_SECONDS_CAP_DEFAULT
from activities.inventory.records import HoldExtension
from holdfast_client.contract.outcomes import Held
from tests.inventory.shop import Figures, Shop, checkout, hold_until


def test_an_extension_moves_the_deadline_and_nothing_else(shop: Shop) -> None:
    shop.stock(MUG=5)
    held = shop.hold("c1", hold_seconds=900, MUG=2)
    shop.pass_seconds(300)
    answer = shop.extend("c1", shop.after(1_200))
    assert answer.verdict == "extended"
    assert answer.state.outcome == held.model_copy(update={"expires_at": shop.after(1_200)})
    assert answer.state.remaining_seconds == 1_200.0
    assert shop.movements("c1") == [("reserve", 0, 2)]


def test_an_extended_hold_outlives_its_first_deadline(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.extend("c1", shop.after(120))
    shop.pass_seconds(119)
    assert isinstance(shop.expire("c1"), Held)
    shop.denial("c2", MUG=1)
    shop.pass_seconds(1)
    assert shop.expire("c1").status == "expired"


def test_an_extension_asked_twice_moves_the_deadline_once(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    deadline = shop.after(120)
    first = shop.extend("c1", deadline)
    assert shop.extend("c1", deadline) == first
    twice = shop.ledger.extend([hold_until("c1", deadline)] * 2)
    assert twice == (first, first)


def test_an_extension_never_brings_the_deadline_nearer(shop: Shop) -> None:
    shop.stock(MUG=1)
    held = shop.hold("c1", hold_seconds=900, MUG=1)
    answer = shop.extend("c1", shop.after(60))
    assert (answer.verdict, answer.state.outcome) == ("extended", held)


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        pytest.param(HOLD_SECONDS_CAP_DEFAULT, "extended", id="to exactly the cap"),
        pytest.param(HOLD_SECONDS_CAP_DEFAULT + 0.000001, "over_cap", id="a microsecond over it"),
    ],
)
def test_a_hold_lasts_no_longer_in_all_than_the_cap(
    shop: Shop, seconds: float, verdict: str
) -> None:
    shop.stock(MUG=1)
    held = shop.hold("c1", hold_seconds=900, MUG=1)
    deadline = shop.after(seconds)
    shop.pass_seconds(600)
    answer = shop.extend("c1", deadline)
    assert answer.verdict == verdict
    assert isinstance(answer.state.outcome, Held)
    assert answer.state.outcome.expires_at == (
        deadline if verdict == "extended" else held.expires_at
    )


def test_the_cap_is_the_ledgers_own(shop: Shop) -> None:
    strict = Ledger(shop.engine, hold_seconds_cap=100)
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    (answer,) = strict.extend([hold_until("c1", shop.after(101))])
    assert answer.verdict == "over_cap"
    (answer,) = strict.extend([hold_until("c1", shop.after(100))])
    assert answer.verdict == "extended"


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        pytest.param(59.999999, "extended", id="a microsecond before the deadline"),
        pytest.param(60, "not_active", id="at the deadline"),
        pytest.param(61, "not_active", id="after it"),
    ],
)
def test_a_hold_past_its_deadline_is_not_revived(shop: Shop, seconds: float, verdict: str) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.pass_seconds(seconds)
    assert shop.extend("c1", shop.after(600)).verdict == verdict
    shop.pass_seconds(1)
    assert shop.expire("c1").status == ("held" if verdict == "extended" else "expired")


@pytest.mark.parametrize("ending", ["fulfil", "cancel"])
def test_a_hold_that_is_over_stays_over(shop: Shop, ending: str) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    ended = getattr(shop, ending)("c1")
    answer = shop.extend("c1", shop.after(600))
    assert (answer.verdict, answer.state.outcome) == ("not_active", ended)
    (row,) = shop.sql("SELECT expires_at FROM holdfast.reservations")
    assert row.expires_at == shop.after(60)
    assert shop.figures("MUG").reserved == 0


def test_a_denial_is_not_made_a_hold_by_extending_it(shop: Shop) -> None:
    denied = shop.denial("c1", MUG=1)
    answer = shop.extend("c1", shop.after(600))
    assert (answer.verdict, answer.state.outcome) == ("not_active", denied)


def test_extending_what_was_never_reserved_refuses_the_reserve_that_comes_late(
    shop: Shop,
) -> None:
    shop.stock(MUG=1)
    assert shop.extend("c1", shop.after(600)).verdict == "not_active"
    assert shop.reserve(checkout("c1", MUG=1)).status == "expired"
    assert shop.figures("MUG") == Figures(total=1, reserved=0, available=1)


@pytest.mark.parametrize("nearest_first", [True, False])
def test_of_several_extensions_in_one_batch_each_is_made_in_its_turn(
    shop: Shop, nearest_first: bool
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    near, far = (HoldExtension("c1", shop.after(s), f"to-{s}") for s in (120, 180))
    answers = shop.ledger.extend([near, far] if nearest_first else [far, near])
    assert [answer.verdict for answer in answers] == ["extended"] * 2
    assert shop.state("c1").remaining_seconds == 180.0
    moves = {id: (start, end) for id, start, end in shop.extensions("c1")}
    middle = shop.after(120) if nearest_first else shop.after(180)
    assert moves["to-180"] == (shop.after(120 if nearest_first else 60), shop.after(180))
    assert moves["to-120"] == (shop.after(60 if nearest_first else 180), middle)


@pytest.mark.parametrize("nearest_first", [True, False])
def test_an_extension_over_the_cap_spoils_none_beside_it_in_the_batch(
    shop: Shop, nearest_first: bool
) -> None:
    shop.stock(MUG=1)
    shop.hold("c1", hold_seconds=60, MUG=1)
    wishes = [hold_until("c1", shop.after(120)), hold_until("c1", shop.after(99_999))]
    verdicts = ["extended", "over_cap"]
    answers = shop.ledger.extend(wishes if nearest_first else wishes[::-1])
    assert [answer.verdict for answer in answers] == verdicts[:: 1 if nearest_first else -1]
    assert shop.state("c1").remaining_seconds == 120.0


def test_a_batch_extends_each_hold_by_its_own_wish(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.hold("c1", hold_seconds=60, MUG=1)
    shop.hold("c2", hold_seconds=60, MUG=1)
    shop.cancel("c2")
    shop.hold("c3", hold_seconds=60, MUG=1)
    wishes = {"c3": 300, "c1": 120, "c2": 120, "nobody": 120}
    answers = shop.ledger.extend([hold_until(id, shop.after(s)) for id, s in wishes.items()])
    assert [answer.verdict for answer in answers] == [
        "extended",
        "extended",
        "not_active",
        "not_active",
    ]
    assert [shop.state(id).remaining_seconds for id in ("c1", "c3")] == [120.0, 300.0]
