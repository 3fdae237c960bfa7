"""The embedded stack with a day's checkouts, and a tab of a real Chromium for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from playwright.async_api import BrowserContext

from holdfast_client import ReservationClient
from tests.browser.chromium import installed_chromium, running_chromium
from tests.browser.scenes import load_stock, play_the_day
from tests.browser.web_ui import WebUi
from tests.directories import NewDirectory
from tests.limits import HANG_SECONDS
from tests.system_packages import skip_without
from worker.dev import RunningStack, running_stack


@pytest.fixture(scope="package")
async def profile() -> AsyncIterator[BrowserContext]:
    """A headless Chromium; without one, the tests that need it are skipped."""
    path = installed_chromium()
    if path is None:
        skip_without("Chromium", "chromium")
    async with running_chromium(path) as profile:
        yield profile


@pytest.fixture(scope="package")
async def dev(profile: BrowserContext, new_directory: NewDirectory) -> AsyncIterator[RunningStack]:
    """All that `make dev` starts, after a day of business."""
    async with running_stack(new_directory("stack")) as running:
        await play_the_day(running)
        yield running


@pytest.fixture(scope="package")
async def shop(dev: RunningStack) -> ReservationClient:
    """A checkout service."""
    return await ReservationClient.connect(
        dev.temporal_address, answer_timeout_seconds=HANG_SECONDS
    )


@pytest.fixture
def database(dev: RunningStack) -> Iterator[psycopg.Connection]:
    """The ledger's own figures, read beside all programs."""
    with psycopg.connect(dev.settings.database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def web_ui(profile: BrowserContext, dev: RunningStack) -> AsyncIterator[WebUi]:
    """A new tab."""
    page = await profile.new_page()
    yield WebUi(page, dev.ui_url)
    await page.close()


@pytest.fixture
def sku(dev: RunningStack, unique: str) -> str:
    """A stock item of one test alone, with ten units."""
    load_stock(dev, {unique: 10})
    return unique
