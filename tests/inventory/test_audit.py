"""The audit: each way in which figures and history can contradict each other is planted and found.

Protections are taken out to plant it, which is what a bug, or a hand in a console, would need too.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from activities.inventory.reading import audits
from activities.inventory.records import Breach
from tests.inventory.shop import Shop

STATUS = "UPDATE holdfast.reservations SET status = '{}', {} WHERE checkout_id = 'open'"
NUMBER = "(SELECT id FROM holdfast.reservations WHERE checkout_id = '{}')"
OPEN_LINE = f"reservation_id = {NUMBER.format('open')}"


@pytest.fixture
def lived_in(fragile_shop: Shop) -> Shop:
    """A shop in which each thing has happened once, with all that protects its figures gone."""
    shop = fragile_shop
    shop.stock(MUG=20, CUP=20)
    for checkout_id in ("open", "paid", "dropped", "abandoned"):
        shop.hold(checkout_id, hold_seconds=60, MUG=2, CUP=1)
    shop.denial("denied", MUG=21)
    shop.cancel("never")
    shop.fulfil("paid")
    shop.cancel("dropped")
    shop.extend("open", shop.after(600))
    shop.pass_seconds(60)
    shop.expire("abandoned")
    shop.adjust("broken", "adjust", "MUG", -1)
    _unprotect(shop)
    return shop


def _unprotect(shop: Shop) -> None:
    constraints = shop.sql(
        "SELECT conrelid::regclass::text AS place, conname FROM pg_constraint "
        "WHERE contype IN ('c', 'f') AND connamespace = 'holdfast'::regnamespace"
    )
    for row in constraints:
        shop.sql(f"ALTER TABLE {row.place} DROP CONSTRAINT {row.conname}")
    shop.sql(
        "ALTER TABLE holdfast.stock_movements DROP CONSTRAINT stock_movements_once_per_operation"
    )
    shop.sql("DROP TRIGGER stock_movements_append_only ON holdfast.stock_movements")


def _found(shop: Shop) -> set[tuple[str, str]]:
    return {(breach.invariant, breach.subject) for breach in shop.ledger.audit()}


def test_a_shop_in_which_all_was_right_has_no_breach(lived_in: Shop) -> None:
    assert lived_in.ledger.audit() == ()
    assert lived_in.ledger.drift() == ()


def test_an_empty_shop_has_no_breach(shop: Shop) -> None:
    assert shop.ledger.audit() == ()


@pytest.mark.parametrize(
    ("figures", "finding"),
    [
        pytest.param("reserved_quantity = 99", "total 17, reserved 99", id="more than there is"),
        pytest.param("reserved_quantity = -1", "total 17, reserved -1", id="reserved below zero"),
        pytest.param("total_quantity = -1", "total -1, reserved 2", id="total below zero"),
        pytest.param("total_quantity = 1", "total 1, reserved 2", id="total below reserved"),
    ],
)
def test_i1_finds_figures_out_of_their_bounds(lived_in: Shop, figures: str, finding: str) -> None:
    lived_in.sql(f"UPDATE holdfast.stock_items SET {figures} WHERE sku = 'MUG'")
    assert Breach("I1", "MUG at main", finding) in lived_in.ledger.audit()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        pytest.param(
            "UPDATE holdfast.stock_items SET reserved_quantity = 3 WHERE sku = 'MUG'",
            "reserved 3, open holds 2",
            id="reserved without a hold",
        ),
        pytest.param(
            "UPDATE holdfast.stock_items SET reserved_quantity = 0 WHERE sku = 'MUG'",
            "reserved 0, open holds 2",
            id="a hold without reserved stock",
        ),
        pytest.param(
            STATUS.format("expired", "closed_at = now()"),
            "reserved 2, open holds 0",
            id="a hold ended by hand",
        ),
        pytest.param(
            f"UPDATE holdfast.reservation_lines SET quantity = 5 WHERE {OPEN_LINE}",
            "reserved 2, open holds 5",
            id="a line changed by hand",
        ),
    ],
)
def test_i2_finds_reserved_stock_that_is_not_what_is_held(
    lived_in: Shop, statement: str, finding: str
) -> None:
    lived_in.sql(statement)
    breach = Breach("I2", "MUG at main", finding)
    assert breach in lived_in.ledger.audit()
    assert breach in lived_in.ledger.drift()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        pytest.param(
            "UPDATE holdfast.stock_items SET total_quantity = 18 WHERE sku = 'MUG'",
            "total 18 and reserved 2, by movements 17 and 2",
            id="a total changed by hand",
        ),
        pytest.param(
            "UPDATE holdfast.stock_items SET reserved_quantity = 1 WHERE sku = 'MUG'",
            "total 17 and reserved 1, by movements 17 and 2",
            id="a reserved quantity changed by hand",
        ),
        pytest.param(
            "DELETE FROM holdfast.stock_movements WHERE kind = 'adjust'",
            "total 17 and reserved 2, by movements 18 and 2",
            id="a movement lost",
        ),
        pytest.param(
            "DELETE FROM holdfast.stock_movements",
            "total 17 and reserved 2, by movements 0 and 0",
            id="all movements lost",
        ),
    ],
)
def test_i3_finds_figures_that_are_not_the_sum_of_their_movements(
    lived_in: Shop, statement: str, finding: str
) -> None:
    lived_in.sql(statement)
    assert Breach("I3", "MUG at main", finding) in lived_in.ledger.audit()


def _copy_movements(shop: Shop, where: str, **changes: str) -> None:
    columns = [
        "stock_item_id",
        "operation",
        "reservation_id",
        "kind",
        "total_delta",
        "reserved_delta",
        "created_at",
    ]
    values = ", ".join(changes.get(column, column) for column in columns)
    shop.sql(
        f"INSERT INTO holdfast.stock_movements ({', '.join(columns)}) "
        f"SELECT {values} FROM holdfast.stock_movements WHERE {where}"
    )


def _move(shop: Shop, assignment: str, where: str) -> None:
    shop.sql(f"UPDATE holdfast.stock_movements SET {assignment} WHERE {where}")


def _of(checkout_id: str, kind: str) -> str:
    return f"reservation_id = {NUMBER.format(checkout_id)} AND kind = '{kind}'"


def _split(shop: Shop, checkout_id: str, kind: str, halves: str) -> None:
    """Replace the movement of two mugs by two movements of one, which add up to the same."""
    mugs = (
        f"{_of(checkout_id, kind)} AND stock_item_id = "
        "(SELECT id FROM holdfast.stock_items WHERE sku = 'MUG')"
    )
    _move(shop, halves, mugs)
    _copy_movements(shop, mugs)


CONTRADICTIONS: list[tuple[str, str, Callable[[Shop], object]]] = [
    (
        "held, but the movements say closed",
        "open",
        lambda shop: _copy_movements(
            shop, _of("open", "reserve"), kind="'cancel'", reserved_delta="-reserved_delta"
        ),
    ),
    (
        "closed, but the movements say held",
        "open",
        lambda shop: shop.sql(STATUS.format("cancelled", "closed_at = now()")),
    ),
    (
        "fulfilled without a movement",
        "paid",
        lambda shop: shop.sql(
            f"DELETE FROM holdfast.stock_movements WHERE {_of('paid', 'fulfil')}"
        ),
    ),
    (
        "fulfilled, but the movements say cancelled",
        "paid",
        lambda shop: _move(shop, "kind = 'cancel', total_delta = 0", _of("paid", "fulfil")),
    ),
    (
        "cancelled, but the movements say expired",
        "dropped",
        lambda shop: _move(shop, "kind = 'expire'", _of("dropped", "cancel")),
    ),
    (
        "expired, but the movements say cancelled",
        "abandoned",
        lambda shop: _move(shop, "kind = 'cancel'", _of("abandoned", "expire")),
    ),
    (
        "given back twice in the same way",
        "dropped",
        lambda shop: _copy_movements(shop, _of("dropped", "cancel")),
    ),
    (
        "given back twice in two ways",
        "paid",
        lambda shop: _copy_movements(shop, _of("paid", "fulfil"), kind="'cancel'", total_delta="0"),
    ),
    (
        "given back less than was reserved",
        "dropped",
        lambda shop: _move(
            shop, "reserved_delta = -1", _of("dropped", "cancel") + " AND reserved_delta = -2"
        ),
    ),
    (
        "reserved twice",
        "open",
        lambda shop: _copy_movements(shop, _of("open", "reserve")),
    ),
    (
        "reserved less than the line says",
        "open",
        lambda shop: _move(
            shop, "reserved_delta = 1", _of("open", "reserve") + " AND reserved_delta = 2"
        ),
    ),
    (
        "lines without a reserve movement",
        "open",
        lambda shop: shop.sql(
            f"DELETE FROM holdfast.stock_movements WHERE {_of('open', 'reserve')}"
        ),
    ),
    (
        "one line of two without a reserve movement",
        "open",
        lambda shop: shop.sql(
            f"DELETE FROM holdfast.stock_movements WHERE {_of('open', 'reserve')} "
            "AND reserved_delta = 2"
        ),
    ),
    (
        "movements without a line",
        "dropped",
        lambda shop: shop.sql(
            "DELETE FROM holdfast.reservation_lines "
            f"WHERE reservation_id = {NUMBER.format('dropped')}"
        ),
    ),
    (
        "held without any line or movement",
        "open",
        lambda shop: [
            shop.sql(f"DELETE FROM holdfast.{table} WHERE {OPEN_LINE}")
            for table in ("reservation_lines", "stock_movements")
        ],
    ),
    (
        "fulfilled without any line or movement",
        "paid",
        lambda shop: [
            shop.sql(f"DELETE FROM holdfast.{table} WHERE reservation_id = {NUMBER.format('paid')}")
            for table in ("reservation_lines", "stock_movements")
        ],
    ),
    (
        "reserved in two movements",
        "open",
        lambda shop: _split(shop, "open", "reserve", "reserved_delta = 1"),
    ),
    (
        "fulfilled in two movements",
        "paid",
        lambda shop: _split(shop, "paid", "fulfil", "total_delta = -1, reserved_delta = -1"),
    ),
    (
        "denied with a movement",
        "denied",
        lambda shop: _copy_movements(
            shop, _of("open", "reserve"), reservation_id=NUMBER.format("denied")
        ),
    ),
    (
        "denied with a line",
        "denied",
        lambda shop: shop.sql(
            "INSERT INTO holdfast.reservation_lines "
            "(reservation_id, stock_item_id, quantity, taken_quantity) "
            f"SELECT {NUMBER.format('denied')}, stock_item_id, quantity, taken_quantity "
            "FROM holdfast.reservation_lines "
            f"WHERE {OPEN_LINE}"
        ),
    ),
    (
        "never reserved, with a movement",
        "never",
        lambda shop: _copy_movements(
            shop, _of("dropped", "cancel"), reservation_id=NUMBER.format("never")
        ),
    ),
    (
        "of no known status",
        "open",
        lambda shop: shop.sql(STATUS.format("returned", "closed_at = now()")),
    ),
]


@pytest.mark.parametrize(
    ("checkout_id", "plant"),
    [pytest.param(id, plant, id=name) for name, id, plant in CONTRADICTIONS],
)
def test_i4_finds_a_reservation_whose_movements_do_not_say_the_same(
    lived_in: Shop, checkout_id: str, plant: Callable[[Shop], object]
) -> None:
    plant(lived_in)
    assert ("I4", f"checkout/{checkout_id}") in _found(lived_in)


def test_i4_finds_movements_of_a_reservation_that_is_not_there(lived_in: Shop) -> None:
    ((number,),) = lived_in.sql(f"SELECT {NUMBER.format('paid')}")
    lived_in.sql("DELETE FROM holdfast.reservations WHERE checkout_id = 'paid'")
    assert ("I4", f"reservation {number}") in _found(lived_in)


def test_a_breach_reads_as_a_sentence() -> None:
    assert str(Breach("I1", "MUG at main", "total 1, reserved 2")) == (
        "I1 MUG at main: total 1, reserved 2"
    )


def test_no_more_breaches_are_listed_than_a_person_will_read(
    fragile_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "BREACHES_MAX", 3)
    fragile_shop.stock(**{f"SKU{number}": 5 for number in range(9)})
    fragile_shop.sql("UPDATE holdfast.stock_items SET reserved_quantity = 1")
    found = [breach.invariant for breach in fragile_shop.ledger.audit()]
    assert found == ["I2"] * 3 + ["I3"] * 3
