"""The rule that decides who gets what, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.inventory.allocation.rule import allocate
from activities.inventory.allocation.wants import Demand, StockKey, StockLevel, Want

MUG, CUP, PEN = ("MUG", "main"), ("CUP", "main"), ("PEN", "attic")

Shelf = dict[StockKey, tuple[bool, int]]
Carts = list[dict[StockKey, int]]


def _levels(shelf: Shelf) -> dict[StockKey, StockLevel]:
    return {
        key: StockLevel(number, active, available)
        for number, (key, (active, available)) in enumerate(shelf.items(), start=1)
    }


def _demands(carts: Carts) -> list[Demand]:
    return [
        Demand(f"c{number}", tuple(Want(sku, place, n) for (sku, place), n in cart.items()))
        for number, cart in enumerate(carts)
    ]


def _granted(shelf: Shelf, carts: Carts) -> list[bool]:
    return [decision.granted for decision in allocate(_demands(carts), _levels(shelf))]


@pytest.mark.parametrize(
    ("available", "wanted", "granted"),
    [(0, 1, False), (1, 1, True), (1, 2, False), (5, 4, True), (5, 5, True), (5, 6, False)],
)
def test_a_line_is_granted_up_to_exactly_what_is_available(
    available: int, wanted: int, granted: bool
) -> None:
    assert _granted({MUG: (True, available)}, [{MUG: wanted}]) == [granted]


@pytest.mark.parametrize(
    ("carts", "granted"),
    [
        pytest.param([{MUG: 3}, {MUG: 2}], [True, True], id="both fit"),
        pytest.param([{MUG: 3}, {MUG: 3}], [True, False], id="the first one is served"),
        pytest.param([{MUG: 6}, {MUG: 5}], [False, True], id="a refused cart takes nothing"),
        pytest.param([{MUG: 5}, {MUG: 1}, {CUP: 1}], [True, False, True], id="others go on"),
        pytest.param([{MUG: 5, CUP: 2}, {MUG: 5}], [False, True], id="one short line frees all"),
        pytest.param([{MUG: 5, CUP: 1}, {CUP: 1}], [True, False], id="every line is taken"),
        pytest.param([], [], id="nobody asks"),
    ],
)
def test_carts_are_served_whole_and_in_the_order_they_came(
    carts: Carts, granted: list[bool]
) -> None:
    assert _granted({MUG: (True, 5), CUP: (True, 1)}, carts) == granted


@pytest.mark.parametrize(
    ("shelf", "reason", "available"),
    [
        pytest.param({}, "unknown_sku", 0, id="unknown"),
        pytest.param({MUG: (False, 9)}, "inactive", 0, id="inactive, though there is some"),
        pytest.param({MUG: (True, 1)}, "insufficient", 1, id="too few"),
        pytest.param({("MUG", "attic"): (True, 9)}, "unknown_sku", 0, id="elsewhere"),
    ],
)
def test_a_refused_line_says_why(shelf: Shelf, reason: str, available: int) -> None:
    (decision,) = allocate(_demands([{MUG: 2}]), _levels(shelf))
    (shortfall,) = decision.shortfalls
    assert (shortfall.reason, shortfall.requested, shortfall.available) == (reason, 2, available)


def test_every_short_line_of_a_cart_is_named_in_order() -> None:
    (decision,) = allocate(_demands([{PEN: 1, MUG: 9, CUP: 1}]), _levels({MUG: (True, 5)}))
    assert [shortfall.key for shortfall in decision.shortfalls] == [CUP, MUG, PEN]


def test_a_refused_cart_is_told_what_those_before_it_left() -> None:
    _, decision = allocate(_demands([{MUG: 3}, {MUG: 3}]), _levels({MUG: (True, 5)}))
    assert decision.shortfalls[0].available == 2


def test_the_levels_given_are_left_as_they_are() -> None:
    levels = _levels({MUG: (True, 5)})
    allocate(_demands([{MUG: 3}]), levels)
    assert levels[MUG].for_sale == 5


_KEYS = [MUG, CUP, PEN, ("MUG", "attic")]
_shelves = st.dictionaries(
    st.sampled_from(_KEYS), st.tuples(st.booleans() | st.just(True), st.integers(0, 12))
)
_carts = st.lists(
    st.dictionaries(st.sampled_from(_KEYS), st.integers(1, 8), min_size=1), max_size=12
)


def _oracle(shelf: Shelf, carts: Carts) -> list[dict[StockKey, tuple[int, str]]]:
    """Tell for each cart what each short line found, unit by unit off a real shelf.

    Every unit is a thing that is taken down and, where the cart cannot be filled, put back.
    """
    units = {key: ["unit"] * count for key, (_, count) in shelf.items()}
    verdicts = []
    for cart in carts:
        basket: list[StockKey] = []
        missing: dict[StockKey, tuple[int, str]] = {}
        for key in cart:
            if key not in shelf:
                missing[key] = (0, "unknown_sku")
            elif not shelf[key][0]:
                missing[key] = (0, "inactive")
            else:
                before = len(units[key])
                while units[key] and basket.count(key) < cart[key]:
                    basket.append(key)
                    units[key].pop()
                if basket.count(key) < cart[key]:
                    missing[key] = (before, "insufficient")
        if missing:
            for key in basket:
                units[key].append("unit")
        verdicts.append(missing)
    return verdicts


@given(_shelves, _carts)
def test_the_rule_agrees_with_taking_units_off_a_shelf(shelf: Shelf, carts: Carts) -> None:
    decisions = allocate(_demands(carts), _levels(shelf))
    found = [{s.key: (s.available, str(s.reason)) for s in d.shortfalls} for d in decisions]
    assert found == _oracle(shelf, carts)


@given(_shelves, _carts)
def test_what_is_granted_never_exceeds_what_was_there(shelf: Shelf, carts: Carts) -> None:
    taken: dict[StockKey, int] = {}
    for decision in allocate(_demands(carts), _levels(shelf)):
        for pick in decision.picks:
            taken[pick.key] = taken.get(pick.key, 0) + pick.quantity
    assert all(quantity <= shelf[key][1] for key, quantity in taken.items())


@given(_shelves, _carts)
def test_deciding_a_batch_is_deciding_one_after_another(shelf: Shelf, carts: Carts) -> None:
    one_by_one = []
    left = dict(shelf)
    for cart in carts:
        (granted,) = _granted(left, [cart])
        one_by_one.append(granted)
        for key, quantity in cart.items() if granted else ():
            left[key] = (left[key][0], left[key][1] - quantity)
    assert _granted(shelf, carts) == one_by_one
