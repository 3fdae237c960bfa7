"""A headless Chromium of the machine's own, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import BrowserContext, ViewportSize, async_playwright, expect

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
WINDOW: Final[ViewportSize] = {"width": 1280, "height": 1040}
# A page is there in a second or two; a machine at work on other things takes its time.
WAIT_MS_MAX: Final = 120_000
# It looks nowhere but at the page; as root and in containers its own sandbox cannot be had.
_SWITCHES: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def installed_chromium() -> str | None:
    """Return where a Chromium is, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def running_chromium(path: str) -> AsyncIterator[BrowserContext]:
    """Run the Chromium at ``path`` with a new and empty profile, which all tabs share."""
    expect.set_options(timeout=WAIT_MS_MAX)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*_SWITCHES])
        profile = await browser.new_context(viewport=WINDOW, timezone_id="UTC")
        profile.set_default_timeout(WAIT_MS_MAX)
        try:
            yield profile
        finally:
            await browser.close()
