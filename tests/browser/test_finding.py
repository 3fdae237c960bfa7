"""Support finds a checkout in the Web UI, and each ready-made view shows the right ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from holdfast_client.cli.views import View, ready_made_views
from holdfast_client.contract.fields import HOLD_SECONDS_MAX
from tests.browser import scenes
from tests.browser.web_ui import WebUi

SHOWN: Final = {
    "all": scenes.EVERY_ONE,
    "held": (scenes.HELD,),
    "to ship": (scenes.TO_SHIP,),
    "paid": (scenes.PAID, scenes.SHIPPED),
    "expired": (scenes.EXPIRED,),
    "cancelled": (scenes.CANCELLED,),
    "denied": (scenes.DENIED,),
    "unavailable": (scenes.UNAVAILABLE,),
    "interrupted": (scenes.TERMINATED,),
    "undecided": (scenes.UNDECIDED, scenes.FAILING),
    "failing": (scenes.FAILING,),
}


async def test_a_checkout_is_found_by_its_customer(web_ui: WebUi):
    await web_ui.open_list()
    await web_ui.filter_by("CustomerId", scenes.REGULAR)
    await web_ui.expect_rows(scenes.PAID)
    await web_ui.row(scenes.PAID).get_by_role("link", name=f"checkout/{scenes.PAID}").click()
    await web_ui.expect_checkout(scenes.PAID)


@pytest.mark.parametrize("name", SHOWN)
async def test_each_ready_made_view_shows_the_right_checkouts(web_ui: WebUi, name: str):
    await web_ui.open_view(_view(name, ready_made_views(datetime.now(UTC), sku=scenes.MUG)))
    await web_ui.expect_rows(*SHOWN[name])


async def test_a_checkout_that_outlasts_the_longest_hold_is_shown_as_stuck(web_ui: WebUi):
    tomorrow = datetime.now(UTC) + timedelta(seconds=HOLD_SECONDS_MAX)
    await web_ui.open_view(_view("open too long", ready_made_views(tomorrow, sku=scenes.MUG)))
    await web_ui.expect_rows(scenes.HELD, scenes.UNDECIDED, scenes.FAILING, scenes.UNAVAILABLE)


async def test_the_views_of_a_customer_show_nobody_elses_checkouts(web_ui: WebUi):
    views = ready_made_views(datetime.now(UTC), customer_id=scenes.REGULAR)
    await web_ui.open_view(_view("all", views))
    await web_ui.expect_rows(scenes.PAID)


def _view(name: str, views: tuple[View, ...]) -> View:
    (found,) = (view for view in views if view.name == name)
    return found
