"""Temporal's Web UI as a person uses it: by what is written on it, never by its insides."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import FrameLocator, Locator, Page, expect

from holdfast_client.cli.views import View
from holdfast_client.contract.names import checkout_workflow_id

NAMESPACE: Final = "default"
_ROWS: Final = re.compile("Select Workflow")


@dataclass(frozen=True)
class WebUi:
    """One tab of a browser."""

    page: Page
    url: str

    # --- lists -------------------------------------------------------------------------------

    async def open_list(self) -> None:
        await self.page.goto(f"{self.url}/namespaces/{NAMESPACE}/workflows")
        await expect(self.page.get_by_role("button", name="Add Filter")).to_be_visible()

    async def open_view(self, view: View) -> None:
        await self.page.goto(view.url(self.url, NAMESPACE))
        await expect(self.page.get_by_role("button", name="Add Filter")).to_be_visible()

    async def begin_filter(self, attribute: str, value: str) -> None:
        """Press "Add Filter", choose an attribute and type a value."""
        await self.page.get_by_role("button", name="Add Filter").click()
        await self.page.get_by_role("menuitem", name=attribute).click()
        await self.page.get_by_placeholder("Enter value...").fill(value)

    async def filter_by(self, attribute: str, value: str) -> None:
        await self.begin_filter(attribute, value)
        await self.page.get_by_role("button", name="Apply").click()

    async def show_columns(self, *names: str, hide: Sequence[str] = ()) -> None:
        """Press "Configure Columns", add some and remove others; the browser remembers it."""
        await self.page.get_by_role("button", name="Configure Columns").click()
        for name in hide:
            await self.page.get_by_role("button", name=f"Remove {name} column").click()
        for name in names:
            await self.page.get_by_role("button", name=f"Add {name} column").click()

    async def expect_rows(self, *checkout_ids: str) -> None:
        """Wait until exactly these checkouts are listed, in any order."""
        rows = self.page.get_by_role("row", name=_ROWS)
        await expect(rows).to_have_count(len(checkout_ids))
        for checkout_id in checkout_ids:
            await expect(self.row(checkout_id)).to_be_visible()

    def row(self, checkout_id: str) -> Locator:
        name = checkout_workflow_id(checkout_id)
        return self.page.get_by_role("row").filter(
            has=self.page.get_by_role("link", name=name, exact=True)
        )

    async def cancel_all(self, reason: str) -> None:
        """Tick the box at the head of the list, and request the cancellation of all in it.

        Of two or more: of one alone it does not ask why.
        """
        await self.page.get_by_role("checkbox").first.check(force=True)
        await self.page.get_by_role("button", name="Request Cancellation").click()
        dialog = self.page.get_by_role("dialog").filter(has_text="Cancel Workflows")
        await dialog.get_by_role("textbox").first.fill(reason)
        await dialog.get_by_role("button", name="Confirm").click()

    # --- one checkout ------------------------------------------------------------------------

    async def open_checkout(self, checkout_id: str, run_id: str = "") -> None:
        """Open the page of a run, the last unless said."""
        workflow_id = checkout_workflow_id(checkout_id).replace("/", "%2F")
        page = f"{self.url}/namespaces/{NAMESPACE}/workflows/{workflow_id}"
        await self.page.goto(f"{page}/{run_id}" if run_id else page)
        await self.expect_checkout(checkout_id)

    async def expect_checkout(self, checkout_id: str) -> None:
        await expect(
            self.page.get_by_role("heading", name=checkout_workflow_id(checkout_id))
        ).to_be_visible()

    def bar(self, words: str) -> Locator:
        """Return the bars of the timeline that say something."""
        return self.page.get_by_role("button", name=re.compile("^Event ")).filter(has_text=words)

    async def open_details(self) -> FrameLocator:
        """Open the tab "User Metadata" and return the frame of the current details."""
        await self.page.get_by_text("User Metadata", exact=True).click()
        await expect(self.page.get_by_text("Current Details")).to_be_visible()
        return self.page.frame_locator("iframe").last

    async def send(self, title: str, name: str, message: Any) -> None:
        """Send a signal or an update by its dialog, which closes by itself.

        Args:
            title: "Send a Signal" or "Send an Update".
            name: of the signal or the update.
            message: its one JSON object.
        """
        dialog = await self.open_dialog(title)
        await self.choose(dialog, name)
        await self.fill(dialog, message)
        await dialog.get_by_role("button", name="Submit").click()
        await expect(dialog).to_be_hidden()

    async def open_dialog(self, title: str) -> Locator:
        """Take an entry out of the menu "More Actions" and return the dialog that it opens."""
        await self.page.get_by_role("button", name="More Actions").click()
        await self.page.get_by_role("menuitem", name=title).click()
        return self.page.get_by_role("dialog").filter(has_text=title)

    async def choose(self, dialog: Locator, name: str) -> None:
        await dialog.get_by_role("button", name=re.compile("^(Select|Signal name|Name)")).click()
        await (
            dialog.get_by_role("option").filter(has=self.page.get_by_text(name, exact=True)).click()
        )

    async def fill(self, dialog: Locator, message: Any) -> None:
        editor = dialog.get_by_role("textbox", name="Data")
        await editor.click()
        await self.page.keyboard.insert_text(json.dumps(message))
        # Left, the editor lays the JSON out over several lines, and the button below it moves away.
        await editor.blur()
        laid_out = json.dumps(message, indent=2).splitlines()
        await expect(dialog.locator(".cm-line")).to_have_count(len(laid_out))

    async def request_cancellation(self) -> None:
        await self.page.get_by_role("button", name="Request Cancellation").click()
        dialog = self.page.get_by_role("dialog").filter(has_text="Cancel Workflow")
        await dialog.get_by_role("button", name="Confirm").click()

    async def terminate(self, reason: str) -> None:
        dialog = await self.open_dialog("Terminate")
        await dialog.get_by_role("textbox").first.fill(reason)
        await dialog.get_by_role("button", name="Terminate", exact=True).click()
