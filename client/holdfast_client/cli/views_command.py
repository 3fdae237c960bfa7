"""``holdfast views``: links to ready-made views of the Temporal Web UI."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from holdfast_client.cli.checkout_sheet import views_sheet
from holdfast_client.cli.session import Session
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode

# That of `make dev`.
UI_URL_DEFAULT = "http://localhost:8233"


def views(
    session: Session,
    *,
    ui_url: Annotated[str, options.text("Where the Web UI is.", "URL")] = UI_URL_DEFAULT,
    sku: Annotated[str | None, options.text("Only checkouts with this SKU.", "SKU")] = None,
    customer: Annotated[str | None, options.text("Only this buyer's.", "ID")] = None,
) -> ExitCode:
    """Print links to the Web UI's lists of checkouts: held, expired, interrupted, and so on.

    Nothing is sent. They may be kept as bookmarks, all but the last.
    """
    _check_ui_url(ui_url)
    # Only now, because Temporal's SDK, of which these read the settings, is slow to import.
    from holdfast_client.cli.views import ready_made_views  # noqa: PLC0415  # see above
    from holdfast_client.transport.connection import namespace_in_use  # noqa: PLC0415  # see above

    found = ready_made_views(datetime.now(UTC), sku=sku, customer_id=customer)
    namespace = namespace_in_use(session.settings.namespace)
    links = [view.url(ui_url, namespace) for view in found]
    document = [
        {
            "name": view.name,
            "shows": view.shows,
            "query": view.query,
            "url": link,
            "lasts": view.lasts,
        }
        for view, link in zip(found, links, strict=True)
    ]
    session.screen.show(document, views_sheet(found, links))
    return ExitCode.DONE


def _check_ui_url(ui_url: str) -> None:
    parts = urlsplit(ui_url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise InvalidRequest("ui_url", f"{ui_url!r} is no address such as {UI_URL_DEFAULT}")
