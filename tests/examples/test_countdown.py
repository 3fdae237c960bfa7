"""The countdown on the pages of the two shops, in a real browser whose clock is turned."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import httpx
import pytest
from playwright.async_api import Page, async_playwright

from tests.client.real_shop import RealShop
from tests.docs.pages import ROOT
from tests.system_packages import skip_without
from tests.workflows.waiting import until
from worker.embedded.ports import choose_ports

HOLD_SECONDS: Final = 600
BANK_SECONDS: Final = 900
OPTIONS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
COMMANDS: Final = {
    "django": ["examples/django/shop.py", "runserver", "--noreload", "{port}"],
    "fastapi": ["-m", "uvicorn", "examples.fastapi.shop:app", "--port", "{port}"],
}


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page of a Chromium of the machine's own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        skip_without("Chromium", "chromium")
    with tempfile.TemporaryDirectory(prefix="holdfast-tests-", ignore_cleanup_errors=True) as home:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch_persistent_context(
                home, executable_path=chromium, args=list(OPTIONS)
            )
            yield await browser.new_page()
            await browser.close()


@contextmanager
def _serving(example: str, temporal_address: str) -> Iterator[str]:
    """Run an example as its own process and yield its address."""
    (port,) = choose_ports([0])
    with subprocess.Popen(
        [sys.executable, *(word.format(port=port) for word in COMMANDS[example])],
        cwd=ROOT,
        env={
            **os.environ,
            "TEMPORAL_ADDRESS": temporal_address,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait()


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient() as web:
            return (await web.get(address)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("example", COMMANDS)
async def test_the_page_counts_down_to_the_deadline_and_then_says_that_it_is_over(
    example: str, shop: RealShop, page: Page, examples_address: str
):
    await shop.stock("MUG-01", 5)
    with _serving(example, examples_address) as address:
        await until(lambda: _answers(address))
        await page.clock.install()
        await page.goto(address)
        await page.fill('[name="MUG-01"]', "2")
        await page.click("text=Check out")
        countdown = page.locator("#countdown:visible")
        await countdown.wait_for()
        told = await countdown.get_attribute("datetime")
        (row,) = await shop._sql(
            "SELECT expires_at FROM holdfast.reservations WHERE status = 'held'"
        )
        assert datetime.fromisoformat(str(told)) == row.expires_at
        first = await _seconds_left(page)
        assert 0 < first <= HOLD_SECONDS
        await page.clock.fast_forward(100_000)
        await until(lambda: _has_fallen_by(page, first, 99))
        await shop.pass_time(HOLD_SECONDS + 1)
        await page.clock.fast_forward((HOLD_SECONDS + 10) * 1_000)
        await page.locator("text=The time is over").wait_for()
        assert await shop.available("MUG-01") == (5, 0, 5)


@pytest.mark.parametrize("example", COMMANDS)
async def test_while_the_buyer_is_at_the_bank_the_page_counts_down_to_the_later_end(
    example: str, shop: RealShop, page: Page, examples_address: str
):
    await shop.stock("MUG-01", 5)
    with _serving(example, examples_address) as address:
        await until(lambda: _answers(address))
        await page.goto(address)
        await page.fill('[name="MUG-01"]', "1")
        await page.click("text=Check out")
        countdown = page.locator("#countdown:visible")
        await countdown.wait_for()
        (row,) = await shop._sql(
            "SELECT checkout_id FROM holdfast.reservations WHERE status = 'held'"
        )
        await shop.client.payment_started(row.checkout_id, "p-1", BANK_SECONDS)
        await page.reload()
        await countdown.wait_for()
        assert HOLD_SECONDS < await _seconds_left(page) <= BANK_SECONDS
        await shop.client.cancel(row.checkout_id)


async def _seconds_left(page: Page) -> int:
    minutes, seconds = (await page.inner_text("#countdown")).split(":")
    return int(minutes) * 60 + int(seconds)


async def _has_fallen_by(page: Page, first: int, seconds: int) -> bool:
    return first - await _seconds_left(page) >= seconds
