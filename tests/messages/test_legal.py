"""The judge of the sequences, put to the test: what it must let pass, and what it must not."""

from __future__ import annotations

import pytest

from tests.messages.legal import GONE, Said, State, follow

STARTED = [Said("start"), Said("read", "held")]


def judged(*steps: list[Said], enough_stock: bool = True) -> bool:
    states = frozenset([State()])
    for step in steps:
        states = follow(states, step, enough_stock=enough_stock)
    return bool(states)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([[Said("confirm", GONE)], STARTED], id="a payment before the start"),
        pytest.param([STARTED, [Said("confirm", "fulfilled")]], id="paid"),
        pytest.param(
            [STARTED, [Said("confirm", "fulfilled")], [Said("cancel", "fulfilled")]],
            id="cancelled after it was paid",
        ),
        pytest.param(
            [STARTED, [Said("cancel", "cancelled"), Said("confirm", "cancelled")]],
            id="both at once, the cancellation first",
        ),
        pytest.param(
            [STARTED, [Said("cancel", signal=True)], [Said("query", "held")],
             [Said("confirm", "cancelled")]],
            id="a signal that is served late, and before what came after it",
        ),
        pytest.param(
            [STARTED, [Said("extend", "held", 60, length=60)], [Said("query", "held", length=60)]],
            id="extended",
        ),
        pytest.param(
            [STARTED, [Said("amend", "held", wish=5, units=5)],
             [Said("confirm", "fulfilled", units=5)]],
            id="amended and paid",
        ),
        pytest.param([STARTED, [Said("amend", "AmendmentRefused", wish=6)]], id="too much"),
        pytest.param(
            [STARTED, [Said("commit", "committed")], [Said("ship", "committed", units=1)],
             [Said("cancel", "fulfilled", units=1)]],
            id="shipped in part, the rest cancelled",
        ),
        pytest.param(
            [STARTED, [Said("release", "held", units=1)], [Said("release", "cancelled")]],
            id="given back one by one",
        ),
        pytest.param(
            [STARTED, [Said("payment_started", "held")], [Said("payment_ended", "held")],
             [Said("ship", "HoldNotActive")]],
            id="a payment in vain, and nothing to be shipped",
        ),
    ],
)  # fmt: skip
def test_what_a_checkout_may_say_passes(steps: list[list[Said]]):
    assert judged(*steps)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([[Said("confirm", "fulfilled")]], id="paid before the start"),
        pytest.param([STARTED, [Said("confirm", "cancelled")]], id="cancelled by nobody"),
        pytest.param([STARTED, [Said("query", GONE)]], id="gone while it is held"),
        pytest.param(
            [STARTED, [Said("confirm", "fulfilled")], [Said("query", "held")]], id="held again"
        ),
        pytest.param(
            [STARTED, [Said("cancel", "cancelled"), Said("confirm", "fulfilled")]],
            id="two final outcomes",
        ),
        pytest.param(
            [STARTED, [Said("cancel", signal=True)], [Said("confirm", "fulfilled")]],
            id="a signal passed over",
        ),
        pytest.param(
            [STARTED, [Said("extend", "held", 60, length=120)]], id="extended by twice as much"
        ),
        pytest.param(
            [STARTED, [Said("extend", "held", 60, length=60)], [Said("query", "held")]],
            id="an extension forgotten",
        ),
        pytest.param([STARTED, [Said("extend", "held", 86_400, length=86_400)]], id="over the cap"),
        pytest.param(
            [STARTED, [Said("amend", "held", wish=5, units=5)], [Said("query", "held", units=2)]],
            id="an amendment forgotten",
        ),
        pytest.param(
            [STARTED, [Said("commit", "committed")], [Said("ship", "committed", units=2)]],
            id="shipped and still there",
        ),
        pytest.param(
            [
                STARTED,
                [Said("commit", "committed")],
                [Said("ship", "committed"), Said("ship", "committed")],
            ],
            id="one unit shipped twice",
        ),
        pytest.param(
            [STARTED, [Said("commit", "committed")], [Said("payment_started", "held")]],
            id="waiting for a payment when it is paid",
        ),
    ],
)
def test_what_contradicts_itself_does_not(steps: list[list[Said]]):
    assert not judged(*steps)


def test_what_there_is_not_enough_of_is_not_held():
    assert not judged(STARTED, enough_stock=False)
