"""Support acts by the Web UI's dialogs, and sees it there and in the database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from playwright.async_api import BrowserContext, expect
from temporalio.client import Client

from holdfast_client import Committed, Denied, Held, ReservationClient
from holdfast_client.cli.views import ready_made_views
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT
from holdfast_client.contract.names import checkout_workflow_id
from tests.browser.web_ui import WebUi
from tests.workflows.waiting import until
from worker.dev import RunningStack

# Long enough to amend the hold first, on a machine that is busy.
SOON_SECONDS = 10


@pytest.fixture
async def held(shop: ReservationClient, sku: str, unique: str) -> Held:
    """Three units in the cart that is called like its SKU, for a quarter of an hour."""
    outcome = await shop.reserve(unique, [(sku, 3)], customer_id="u-30")
    assert isinstance(outcome, Held)
    return outcome


async def test_the_timeline_tells_who_extended_the_hold_and_the_payment_that_ended_it(
    web_ui: WebUi, shop: ReservationClient, held: Held, unique: str
):
    await shop.extend(unique, 600, reason="bank is slow", actor="sam")
    await shop.confirm(unique, f"pay-{unique}", actor="web")
    await web_ui.open_checkout(unique)
    until = f"{held.expires_at + timedelta(seconds=600):%Y-%m-%d %H:%M:%S} UTC"
    for words in (
        f"Held for u-30 until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC unless paid: 3 {unique}",
        f"10m longer, until {until} (sam: bank is slow)",
        f"Held for u-30 until {until} unless paid: 3 {unique}",
    ):
        await expect(web_ui.bar(words)).to_be_visible()
    # Beside a local activity the Web UI writes its name alone; opened, it shows the summary.
    await web_ui.bar("fulfil").click()
    await expect(
        web_ui.page.get_by_text(f"Sell 3 {unique} (web: payment pay-{unique})")
    ).to_be_visible()


async def test_the_page_tells_of_a_checkout_that_was_amended_and_shipped_twice(
    web_ui: WebUi, shop: ReservationClient, held: Held, unique: str
):
    await web_ui.open_checkout(unique)
    lines = [{"sku": unique, "quantity": 5}]
    message = {"lines": lines, "revision": held.revision, "reason": "two more", "actor": "sam"}
    await web_ui.send("Send an Update", "amend", message)
    await shop.confirm(unique, "pay_2002", settle="commit", actor="web")
    await shop.fulfil(unique, "parcel-1", [(unique, 2)], actor="ann")
    await shop.fulfil(unique, "parcel-2", actor="ann")
    await web_ui.open_checkout(unique)
    await expect(web_ui.bar("Held for u-30 until")).to_have_count(1)
    await web_ui.bar("ship").first.click()
    await expect(
        web_ui.page.get_by_text(f"Ship 2 {unique} (ann: shipment parcel-1)")
    ).to_be_visible()
    details = await web_ui.open_details()
    for words in (
        "5 units of 1 SKU instead: two more",
        "5 units of 1 SKU to be shipped, payment pay",
        "2 units, shipment parcel-1",
        "3 units, shipment parcel-2",
        "5 units of 1 SKU sold, payment pay",
    ):
        await expect(details.get_by_role("row").filter(has_text=words)).to_be_visible()


async def test_the_page_tells_of_a_checkout_that_was_amended_paid_late_and_shipped_twice(
    web_ui: WebUi, shop: ReservationClient, dev: RunningStack, sku: str, unique: str
):
    await shop.reserve(unique, [(sku, 3)], hold_seconds=SOON_SECONDS)
    await shop.amend(unique, [(sku, 5)], reason="two more", actor="sam")
    await until(lambda: _is_expired(shop, unique))
    paid = await shop.confirm(unique, "pay_3003", settle="commit", late="reinstate", actor="web")
    assert isinstance(paid, Committed)
    assert paid.reinstated
    await shop.fulfil(unique, "parcel-1", [(sku, 2)], actor="ann")
    await shop.fulfil(unique, "parcel-2", actor="ann")
    await web_ui.open_checkout(unique)
    details = await web_ui.open_details()
    for words in (
        "it had expired and was paid late, so it is attempt 2",
        "5 units of 1 SKU to be shipped, payment pay_3003",
        "2 units, shipment parcel-1",
        "3 units, shipment parcel-2",
        "5 units of 1 SKU sold, payment pay_3003",
    ):
        await expect(details.get_by_role("row").filter(has_text=words)).to_be_visible()
    await web_ui.open_checkout(unique, run_id=await _first_run(dev, unique))
    details = await web_ui.open_details()
    for words in ("5 units of 1 SKU instead: two more", "not paid before the deadline"):
        await expect(details.get_by_role("row").filter(has_text=words)).to_be_visible()


async def _first_run(dev: RunningStack, checkout_id: str) -> str:
    temporal = await Client.connect(dev.temporal_address)
    query = f"WorkflowId = '{checkout_workflow_id(checkout_id)}'"
    runs = [run async for run in temporal.list_workflows(query)]
    return min(runs, key=lambda run: run.start_time).run_id


async def _is_expired(shop: ReservationClient, checkout_id: str) -> bool:
    return (await shop.status(checkout_id)).status == "expired"


async def test_an_extension_by_the_dialog_moves_the_deadline(
    web_ui: WebUi, held: Held, unique: str, database: psycopg.Connection
):
    await web_ui.open_checkout(unique)
    message = {"seconds": 600, "reason": "asked on the phone", "actor": "sam"}
    await web_ui.send("Send an Update", "extend_hold", message)
    deadline = held.expires_at + timedelta(seconds=600)
    await expect(web_ui.bar(f"Held for u-30 until {deadline:%Y-%m-%d %H:%M:%S}")).to_be_visible()
    assert _deadline(database, unique) == deadline
    details = await web_ui.open_details()
    await expect(
        details.get_by_text(f"until {deadline:%Y-%m-%d %H:%M:%S} UTC, unless")
    ).to_be_visible()
    row = details.get_by_role("row").filter(has_text="extended")
    await expect(row).to_contain_text("sam")
    await expect(row).to_contain_text("10m longer")
    await expect(row).to_contain_text("asked on the phone")


async def test_a_cancellation_by_the_dialog_gives_the_stock_back(
    web_ui: WebUi, held: Held, unique: str, database: psycopg.Connection
):
    assert _reserved(database, unique) == 3
    await web_ui.open_checkout(unique)
    await web_ui.send("Send a Signal", "cancel", {"reason": "ordered twice", "actor": "sam"})
    await expect(web_ui.page.get_by_text("Completed", exact=True).first).to_be_visible()
    assert _reserved(database, unique) == 0
    details = await web_ui.open_details()
    await expect(details.get_by_text("(sam: ordered twice)")).to_be_visible()


async def test_the_button_that_cancels_the_workflow_gives_the_stock_back_too(
    web_ui: WebUi, held: Held, unique: str, database: psycopg.Connection
):
    await web_ui.open_checkout(unique)
    await web_ui.request_cancellation()
    await expect(web_ui.page.get_by_text("Completed", exact=True).first).to_be_visible()
    assert _reserved(database, unique) == 0


async def test_a_recalled_sku_is_given_back_by_one_batch_and_whole_carts_with_it(
    web_ui: WebUi, shop: ReservationClient, sku: str, unique: str, database: psycopg.Connection
):
    """The steps of the runbook: out of sale, then the views "held" and "to ship", all cancelled."""
    other = f"{unique}-other"
    await shop.adjust_stock(f"{unique}-comes", other, "receive", 5)
    await shop.reserve(f"{unique}-1", [(sku, 1), (other, 2)])
    await shop.reserve(f"{unique}-2", [(sku, 3)])
    await shop.reserve(f"{unique}-3", [(sku, 2)])
    await shop.confirm(f"{unique}-3", f"pay-{unique}-3")
    on_the_shelf = (f"{unique}-5", f"{unique}-6")
    for checkout_id in on_the_shelf:
        await shop.reserve(checkout_id, [(sku, 1)])
        await shop.confirm(checkout_id, f"pay-{checkout_id}", settle="commit")
    await shop.adjust_stock(f"{unique}-recall", sku, "deactivate", 0, reason="recalled")
    assert isinstance(await shop.reserve(f"{unique}-4", [(sku, 1)]), Denied)

    views = {view.name: view for view in ready_made_views(datetime.now(UTC), sku=sku)}
    for view, ids in (("held", (f"{unique}-1", f"{unique}-2")), ("to ship", on_the_shelf)):
        await web_ui.open_view(views[view])
        await web_ui.expect_rows(*ids)
        await web_ui.cancel_all("recalled")
        for checkout_id in ids:
            await web_ui.open_checkout(checkout_id)
            await expect(web_ui.page.get_by_text("Completed", exact=True).first).to_be_visible()
    assert _reserved(database, sku) == 0
    assert _reserved(database, other) == 0
    await web_ui.open_view(views["paid"])
    await web_ui.expect_rows(f"{unique}-3")


async def test_the_head_of_a_checkout_tells_the_minute_it_began_as_its_fairness(
    web_ui: WebUi, held: Held, unique: str
):
    await web_ui.open_checkout(unique)
    began = held.expires_at - timedelta(seconds=HOLD_SECONDS_DEFAULT)
    minutes = [f"started {began + timedelta(minutes=n):%Y-%m-%d %H:%M}" for n in (-1, 0)]
    shown = web_ui.page.get_by_text(re.compile("|".join(minutes)))
    await expect(shown.first).to_be_visible()
    await expect(web_ui.page.get_by_text("Fairness", exact=True)).to_be_visible()


async def test_the_web_ui_shows_its_times_in_the_zone_of_the_browser_and_ours_in_utc(
    profile: BrowserContext, dev: RunningStack, held: Held, unique: str
):
    assert profile.browser is not None
    elsewhere = await profile.browser.new_context(timezone_id="Asia/Tokyo")
    web_ui = WebUi(await elsewhere.new_page(), dev.ui_url)
    await web_ui.open_checkout(unique)
    await expect(web_ui.page.get_by_role("button", name="Timezone local")).to_be_visible()
    await expect(web_ui.page.get_by_text(re.compile(r"[AP]M (JST|GMT\+9)")).first).to_be_attached()
    await expect(web_ui.bar(f"until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC")).to_be_visible()
    await elsewhere.close()


async def test_a_terminated_checkout_leaves_its_stock_held_until_the_deadline(
    web_ui: WebUi, held: Held, unique: str, database: psycopg.Connection
):
    await web_ui.open_checkout(unique)
    await web_ui.terminate("pressed by mistake")
    await expect(web_ui.page.get_by_text("Terminated", exact=True).first).to_be_visible()
    assert _reserved(database, unique) == 3
    assert _deadline(database, unique) == held.expires_at
    details = await web_ui.open_details()
    await expect(details.get_by_text("If this workflow is terminated, these words")).to_be_visible()


def _reserved(database: psycopg.Connection, sku: str) -> int:
    row = database.execute(
        "SELECT reserved FROM holdfast.stock_availability WHERE sku = %s", (sku,)
    ).fetchone()
    assert row
    reserved: int = row[0]
    return reserved


def _deadline(database: psycopg.Connection, checkout_id: str) -> datetime:
    row = database.execute(
        "SELECT expires_at FROM holdfast.reservations WHERE checkout_id = %s", (checkout_id,)
    ).fetchone()
    assert row
    deadline: datetime = row[0]
    return deadline
