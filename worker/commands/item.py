"""``item``: saying what a stock item is."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from holdfast_client.contract.arguments import validated
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.messages import StockAdjustment
from holdfast_client.contract.outcomes import AdjustmentApplied, AdjustmentRefused
from holdfast_client.contract.wording import kept_by_shop
from holdfast_client.terminal.record_options import ActorOption, ReasonOption
from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import Sheet
from worker.commands.item_history import NoSuchItem, only_location, where_it_is
from worker.commands.options import JsonOption, location_option, sku_argument
from worker.commands.session import opened_ledger


class KeptByShop(Exception):
    """The adopted shop itself says whether the item is for sale; the message says where."""


def set_item(
    sku: Annotated[str, sku_argument("Of what.")],
    *,
    location: Annotated[
        str | None, location_option("Where it is; not needed where it is at one place.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether it is for sale.")
    ] = None,
    reason: ReasonOption = "",
    actor: ActorOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a stock item out of sale, or put it back. What is held of it stays held."""
    if active is None:
        raise InvalidRequest("item set", "nothing to set; say --active or --inactive")
    kind = "activate" if active else "deactivate"
    # Short enough for a history in a narrow terminal.
    id = f"item-set-{uuid.uuid4().hex[:16]}"
    with opened_ledger() as ledger:
        place = location or only_location(ledger, sku)
        change = validated(
            StockAdjustment,
            adjustment_id=id,
            sku=sku,
            location=place,
            kind=kind,
            quantity=0,
            reason=reason,
            actor=actor,
            new=False,
        )
        outcome = ledger.adjust(change)
        if isinstance(outcome, AdjustmentRefused) and outcome.reason == "kept_by_shop":
            words = kept_by_shop(outcome.sku, outcome.location, outcome.shop_column)
            raise KeptByShop(words)
        if not isinstance(outcome, AdjustmentApplied):
            raise NoSuchItem(where_it_is(sku, ledger.locations(sku), f" at {place}"))
    Screen(as_json=as_json, prefix="").show(outcome.model_dump(mode="json"), _sheet(outcome))


def _sheet(item: AdjustmentApplied) -> Sheet:
    held = f"; {item.reserved:,} held for buyers stay held" if item.reserved else ""
    said = f"for sale, {item.available:,} available" if item.active else f"out of sale{held}"
    facts = ("sku", "location", "total", "reserved", "available")
    return Sheet(
        f"{item.sku} at {item.location} is {said}.",
        (
            *((name, getattr(item, name)) for name in facts),
            ("for_sale", "yes" if item.active else "no"),
        ),
    )
