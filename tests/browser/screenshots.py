"""Takes the runbook's pictures from the running system: ``make screenshots``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Locator, Page, expect

from holdfast_client.cli.views import ready_made_views
from tests.browser import scenes
from tests.browser.chromium import NAMES, WINDOW, installed_chromium, running_chromium
from tests.browser.web_ui import WebUi
from worker.dev import running_stack

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
# What the Web UI offers beside the page itself; support needs none of it for what is shown.
_COLOURS: Final = 64
# The Web UI writes beside a bar or in it, as there is room: so the first hold is the longest.
_THINK_SECONDS: Final = 6.0
_SIDE_WIDTH: Final = 256
_TOP_HEIGHT: Final = 56
_MARGIN: Final = 16


async def take_all(chromium: str, images: Path) -> None:
    """Start everything, play a day, and photograph what support sees of it.

    Args:
        chromium: the browser's program.
        images: the directory for the pictures; those of the same name are replaced.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-screenshots-") as directory:
        async with running_stack(Path(directory)) as running, running_chromium(chromium) as profile:
            await scenes.play_the_day(running, think_seconds=_THINK_SECONDS)
            album = Album(WebUi(await profile.new_page(), running.ui_url), images)
            for take in (
                album.take_lists,
                album.take_timeline,
                album.take_details,
                album.take_endings,
                album.take_dialogs,
            ):
                await take()


class Album:
    """The pictures of one day, in the order in which they are taken."""

    def __init__(self, web_ui: WebUi, images: Path) -> None:
        self._web_ui = web_ui
        self._images = images

    @property
    def _page(self) -> Page:
        return self._web_ui.page

    async def take_lists(self) -> None:
        await self._web_ui.open_list()
        await self._web_ui.show_columns(
            "CheckoutStatus", "CustomerId", hide=("Run ID", "Type", "End")
        )
        everything, *_ = ready_made_views(datetime.now(UTC))
        await self._web_ui.open_view(everything)
        await self._web_ui.expect_rows(*scenes.EVERY_ONE)
        await self._take("views", height=700)
        await self._web_ui.open_list()
        await self._web_ui.begin_filter("CustomerId", scenes.REGULAR)
        await self._take("find-by-customer", height=520)

    async def take_timeline(self) -> None:
        await self._web_ui.open_checkout(scenes.PAID)
        await expect(self._web_ui.bar("10m longer")).to_be_visible()
        await self._take("timeline")

    async def take_details(self) -> None:
        await self._web_ui.open_checkout(scenes.PAID)
        details = await self._web_ui.open_details()
        await expect(details.get_by_role("row").filter(has_text="extended")).to_be_visible()
        await self._take("current-details", height=940)

    async def take_endings(self) -> None:
        for name, checkout_id in (
            ("expired", scenes.EXPIRED),
            ("denied", scenes.DENIED),
            ("terminated", scenes.TERMINATED),
            ("unavailable", scenes.UNAVAILABLE),
        ):
            await self._web_ui.open_checkout(checkout_id)
            await expect(self._web_ui.bar("reserve").first).to_be_visible()
            await self._take(name, height=900)

    async def take_dialogs(self) -> None:
        await self._web_ui.open_checkout(scenes.HELD)
        dialog = await self._web_ui.open_dialog("Send an Update")
        await dialog.get_by_role("button", name="Select an Update").click()
        await self._take_dialog("update-dialog", dialog)
        await dialog.get_by_role("option").filter(has_text="extend_hold").click()
        await self._web_ui.fill(
            dialog, {"seconds": 600, "reason": "asked on the phone", "actor": "sam"}
        )
        await self._take_dialog("extend-dialog", dialog)
        await dialog.get_by_role("button", name="Submit").click()
        await expect(self._web_ui.bar("asked on the phone")).to_be_visible()
        await self._take("extended")

    async def _take(self, name: str, height: int = WINDOW["height"]) -> None:
        clip = {
            "x": _SIDE_WIDTH + _MARGIN,
            "y": _TOP_HEIGHT,
            "width": WINDOW["width"] - _SIDE_WIDTH - _MARGIN,
            "height": height - _TOP_HEIGHT,
        }
        await self._page.screenshot(path=self._path(name), clip=clip, animations="disabled")  # type: ignore[arg-type]
        _shrink(self._path(name))

    async def _take_dialog(self, name: str, dialog: Locator) -> None:
        await dialog.screenshot(path=self._path(name), animations="disabled")
        _shrink(self._path(name))

    def _path(self, name: str) -> Path:
        return self._images / f"{name}.png"


def _shrink(path: Path) -> None:
    """Keep the colours that matter: a page of text needs few."""
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(_COLOURS)
    few.save(path, optimize=True)


def main() -> int:
    chromium = installed_chromium()
    if chromium is None:
        print(f"no Chromium found: none of {', '.join(NAMES)} is on the path", file=sys.stderr)
        return 1
    asyncio.run(take_all(chromium, IMAGES))
    print(f"the pictures in {IMAGES} are new; look at each before you commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
