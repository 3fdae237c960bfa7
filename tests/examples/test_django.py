"""The shop in Django, as a browser uses it, against a real worker."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import pytest
from django.test import Client as Browser

from examples.django import shop as example
from holdfast_client import SyncReservationClient
from tests.client.real_shop import RealShop
from tests.examples.conftest import ANSWER_TIMEOUT_SECONDS, HASTY_SECONDS
from tests.workflows.stage import Stage, at_work

HELD: Final = "We hold this for you"


class Recorded(example.Payments):
    """A payment provider that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def authorise(self, attempt: str) -> str:
        self.told.append("authorise")
        return super().authorise(attempt)

    def capture(self, reference: str) -> None:
        self.told.append("capture")

    def release(self, reference: str) -> None:
        self.told.append("release")

    def refund(self, reference: str) -> None:
        self.told.append("refund")


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded()
    monkeypatch.setattr(example, "payments", recorded)
    return recorded


@pytest.fixture
def browser(
    examples_address: str, monkeypatch: pytest.MonkeyPatch, payments: Recorded
) -> Iterator[Browser]:
    with SyncReservationClient(
        examples_address, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS
    ) as reservations:
        monkeypatch.setattr(example, "reservations", reservations)
        yield Browser()


async def _open(browser: Browser, path: str = "/") -> str:
    """Open a page beside the event loop, which the worker needs."""
    answer: Any = await asyncio.to_thread(browser.get, path, follow=True)
    return str(answer.content.decode())


async def _press(browser: Browser, path: str, **fields: int) -> str:
    answer: Any = await asyncio.to_thread(browser.post, path, fields, follow=True)
    return str(answer.content.decode())


async def _reserve(browser: Browser, **quantities: int) -> str:
    fields = {sku.replace("_", "-"): quantity for sku, quantity in quantities.items()}
    return await _press(browser, "/reserve", **fields)


async def test_a_cart_is_held_counted_down_and_sold(
    shop: RealShop, browser: Browser, payments: Recorded
):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    page = await _reserve(browser, MUG_01=2)
    attempt = browser.session["attempt"]
    report = await shop.client.status(attempt)
    assert HELD in page
    (told,) = re.findall(r'datetime="([^"]+)"\s+data-seconds="([\d.]+)"', page)
    assert report.expires_at is not None
    assert datetime.fromisoformat(told[0]) == report.expires_at
    assert 0 < float(told[1]) <= example.HOLD_SECONDS
    assert "it is yours" in await _press(browser, "/pay")
    assert payments.told == ["authorise", "capture"]
    assert await shop.available("MUG-01") == (3, 0, 3)


async def _tell(browser: Browser, attempt: str, event: str, reference: str) -> None:
    told = {"attempt": attempt, "reference": reference, "event": event}
    answer: Any = await asyncio.to_thread(browser.post, "/webhooks/payment", told)
    assert answer.status_code == 204


async def test_webhooks_keep_the_hold_and_a_late_one_still_gets_the_goods(
    shop: RealShop, browser: Browser, payments: Recorded
):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=2)
    attempt = browser.session["attempt"]
    await _tell(browser, attempt, "started", "p-1")
    await shop.pass_time(example.HOLD_SECONDS - 60)
    (seconds,) = re.findall(r'data-seconds="([\d.]+)"', await _open(browser, "/checkout"))
    assert float(seconds) > 0
    await _tell(browser, attempt, "failed", "p-1")
    await shop.pass_time(61)
    await _tell(browser, attempt, "paid", "p-2")
    assert "it is yours" in await _open(browser, "/checkout")
    assert payments.told == []
    # A second payment for the same cart goes back.
    for _ in range(2):
        await _tell(browser, attempt, "paid", "p-3")
    assert set(payments.told) == {"refund"}
    assert await shop.available("MUG-01") == (3, 0, 3)


async def test_a_form_that_is_sent_twice_holds_once(shop: RealShop, browser: Browser):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=2)
    assert HELD in await _reserve(browser, MUG_01=2)
    assert await shop.available("MUG-01") == (5, 2, 3)


async def test_a_denial_says_what_is_left_and_the_next_try_is_a_new_attempt(
    shop: RealShop, browser: Browser
):
    await shop.stock("MUG-01", 1)
    await _open(browser)
    assert "MUG-01: 1 left, you asked for\n  2." in await _reserve(browser, MUG_01=2)
    assert HELD in await _reserve(browser, MUG_01=1)


async def test_a_cart_that_is_changed_keeps_its_hold_until_there_is_a_better_one(
    shop: RealShop, browser: Browser
):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=3)
    first = browser.session["attempt"]
    await _reserve(browser, MUG_01=1)
    assert (await shop.client.status(first)).status == "cancelled"
    assert await shop.available("MUG-01") == (5, 1, 4)


async def test_a_change_that_is_denied_leaves_the_good_hold_alone(shop: RealShop, browser: Browser):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=3)
    assert "Not everything" in await _reserve(browser, MUG_01=6)
    assert await shop.available("MUG-01") == (5, 3, 2)
    assert HELD in await _open(browser, "/checkout")


async def test_a_payment_that_comes_after_the_deadline_is_given_free(
    shop: RealShop, browser: Browser, payments: Recorded
):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=2)
    await shop.pass_time(example.HOLD_SECONDS + 1)
    assert "The time is over" in await _press(browser, "/pay")
    assert payments.told == ["authorise", "release"]
    assert await shop.available("MUG-01") == (5, 0, 5)


async def test_what_was_given_back_is_free_at_once(shop: RealShop, browser: Browser):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=2)
    assert "Given back" in await _press(browser, "/cancel")
    assert await shop.available("MUG-01") == (5, 0, 5)


async def test_the_same_cart_after_a_purchase_is_another_purchase(shop: RealShop, browser: Browser):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    for sold in (1, 2):
        assert HELD in await _reserve(browser, MUG_01=1)
        await _press(browser, "/pay")
        assert "it is yours" in await _open(browser, "/checkout")
        assert await shop.available("MUG-01") == (5 - sold, 0, 5 - sold)


@pytest.mark.usefixtures("patient_shoppers")
async def test_an_unknown_outcome_is_asked_for_again_and_holds_once(
    stage: Stage, browser: Browser, examples_address: str, monkeypatch: pytest.MonkeyPatch
):
    stage.stock("MUG-01", 5)
    await _open(browser)
    with (
        SyncReservationClient(examples_address, answer_timeout_seconds=HASTY_SECONDS) as hasty,
        monkeypatch.context() as patch,
    ):
        patch.setattr(example, "reservations", hasty)
        answer: Any = await asyncio.to_thread(browser.post, "/reserve", {"MUG-01": 2})
    page = answer.content.decode()
    assert answer.status_code == 503
    again = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', page))
    assert again.pop("csrfmiddlewaretoken")
    async with at_work(stage, sandboxed=False):
        assert HELD in await _press(browser, "/reserve", **{k: int(v) for k, v in again.items()})
        assert stage.shop.figures("MUG-01") == (5, 2, 3)


async def test_a_checkout_that_somebody_terminated_is_paid_all_the_same(
    shop: RealShop, browser: Browser
):
    await shop.stock("MUG-01", 5)
    await _open(browser)
    await _reserve(browser, MUG_01=2)
    await shop._stage.till.handle(browser.session["attempt"]).terminate("by hand")
    assert "it is yours" in await _press(browser, "/pay")
    assert await shop.available("MUG-01") == (3, 0, 3)
