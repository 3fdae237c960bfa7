"""Workers of two releases at once: a changed function stands beside the one it replaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Engine, text

from activities.inventory.database.calls import Steps
from activities.inventory.database.carrier import carry_out
from activities.inventory.operations.close import ClosingAnswer, close
from activities.inventory.records import Closing
from tests.inventory.crowd import all_at_once
from tests.inventory.shop import Shop

OLD, NEW = "close_reservations", "close_reservations_2"
CHECKOUTS = [f"c{number}" for number in range(40)]


def _release_beside(engine: Engine, name: str, next_name: str, clause: str, instead: str) -> None:
    """Make the next version of a function, changed in one clause, beside the one that is there."""
    with engine.begin() as connection:
        definition = connection.execute(
            text("SELECT pg_get_functiondef(CAST(:name AS regproc))"), {"name": f"holdfast.{name}"}
        ).scalar_one()
        assert clause in definition
        changed = definition.replace(f"holdfast.{name}(", f"holdfast.{next_name}(")
        connection.exec_driver_sql(changed.replace(clause, instead).replace("%", "%%"))
        connection.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION holdfast.{next_name} TO PUBLIC")


def _cancel_as(name: str, checkout_id: str) -> Steps[tuple[ClosingAnswer, ...]]:
    """Cancel as the ledger does, with another release's name for the function that ends holds."""
    steps = close([Closing(checkout_id, "cancelled", reason="no", actor="sam")])
    rows: Sequence[Any] | None = None
    while True:
        try:
            call = next(steps) if rows is None else steps.send(rows)
        except StopIteration as stop:
            answers: tuple[ClosingAnswer, ...] = stop.value
            return answers
        rows = yield replace(call, statement=call.statement.replace(OLD, name))


def test_two_releases_end_the_same_holds_at_once_and_each_is_ended_once(
    fragile_shop: Shop,
) -> None:
    shop = fragile_shop
    _release_beside(shop.engine, OLD, NEW, "reason = c.reason", "reason = 'new: ' || c.reason")
    shop.stock(MUG=len(CHECKOUTS))
    for checkout_id in CHECKOUTS:
        shop.hold(checkout_id, MUG=1)
    engine = shop.ledger._engine
    ended = all_at_once(
        [
            partial(carry_out, engine, _cancel_as(name, checkout_id))
            for checkout_id in CHECKOUTS
            for name in (OLD, NEW)
        ]
    )
    # Who came second is told what the first one did.
    assert ended[::2] == ended[1::2]
    moved = shop.sql("SELECT stock_item_id FROM holdfast.stock_movements WHERE kind = 'cancel'")
    assert len(moved) == len(CHECKOUTS)
    assert shop.figures("MUG").reserved == 0
    assert shop.ledger.audit() == ()


def test_the_release_before_goes_on_with_what_it_calls(fragile_shop: Shop) -> None:
    shop = fragile_shop
    _release_beside(shop.engine, OLD, NEW, "reason = c.reason", "reason = 'new: ' || c.reason")
    shop.stock(MUG=2)
    for checkout_id in ("old", "new"):
        shop.hold(checkout_id, MUG=1)
    shop.ledger.close([Closing("old", "cancelled", reason="no")])
    carry_out(shop.ledger._engine, _cancel_as(NEW, "new"))
    rows = shop.sql("SELECT reason FROM holdfast.reservations ORDER BY checkout_id")
    assert [row.reason for row in rows] == ["new: no", "no"]
