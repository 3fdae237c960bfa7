"""Ready-made views of the Temporal Web UI: what support looks for, as queries and links. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from holdfast_client.contract import names
from holdfast_client.contract.arguments import validated
from holdfast_client.contract.fields import HOLD_SECONDS_MAX
from holdfast_client.contract.summaries import CheckoutFilter
from holdfast_client.transport.conditions import (
    CHECKOUTS,
    FAILING,
    NOT_COMMITTED,
    RUNNING,
    quoted,
    standing,
)


@dataclass(frozen=True)
class View:
    """A list of checkouts that support looks for.

    Args:
        name: what it is called.
        shows: what stands in it, in one sentence.
        query: in the language of Temporal's list filter.
        lasts: whether it stays true, and may be kept as a bookmark. One that compares with the
            moment of printing does not.
    """

    name: str
    shows: str
    query: str
    lasts: bool = True

    def url(self, ui_url: str, namespace: str) -> str:
        """Return the link to it in the Web UI at ``ui_url``."""
        base = f"{ui_url.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows"
        return f"{base}?{urlencode({'query': self.query}, quote_via=quote)}"


def ready_made_views(
    now: datetime, *, sku: str | None = None, customer_id: str | None = None
) -> tuple[View, ...]:
    """Return the views, all of them about one SKU or one customer where these are given.

    Args:
        now: what began a day before is open too long.
        sku: only checkouts that want it.
        customer_id: only this buyer's.

    Raises:
        InvalidRequest: the SKU or the customer is none, or cannot be searched for.
    """
    about = _about(validated(CheckoutFilter, sku=sku, customer_id=customer_id))
    return (
        _view("all", "Every checkout, the latest first.", about),
        _view("held", "Stock is held and waits for a payment.", about, *standing("held")),
        _view("to ship", "Paid, and still on the shelf.", about, *standing("committed")),
        _view("paid", "The stock was sold.", about, *standing("fulfilled")),
        _view("expired", "Nobody paid before the deadline.", about, *standing("expired")),
        _view("cancelled", "The stock was given back.", about, *standing("cancelled")),
        _view("denied", "There was not enough stock.", about, *standing("denied")),
        # Among them such as stay open until the database is back.
        _view(
            "unavailable",
            "Nothing was decided in time.",
            about,
            *standing("unavailable"),
        ),
        _view(
            "interrupted",
            "Terminated or failed: no workflow ends them.",
            about,
            *standing("interrupted"),
        ),
        _view(
            "undecided",
            "Neither held nor denied yet. That takes seconds: one that began earlier is stuck.",
            about,
            *standing("pending"),
        ),
        _view("failing", "Workers fail on it, time and again.", about, RUNNING, FAILING),
        _open_too_long(now, about),
    )


def _open_too_long(now: datetime, about: Sequence[str]) -> View:
    since = now.astimezone(UTC) - timedelta(seconds=HOLD_SECONDS_MAX)
    view = _view(
        "open too long",
        "Still open after the longest hold there is, a day. True when printed: do not keep it.",
        about,
        RUNNING,
        NOT_COMMITTED,
        f"StartTime < {quoted(f'{since:%Y-%m-%dT%H:%M:%SZ}')}",
    )
    return replace(view, lasts=False)


def _about(wanted: CheckoutFilter) -> tuple[str, ...]:
    return (
        CHECKOUTS,
        *(
            f"{attribute} = {quoted(text)}"
            for attribute, text in (
                (names.SKUS_ATTRIBUTE, wanted.sku),
                (names.CUSTOMER_ID_ATTRIBUTE, wanted.customer_id),
            )
            if text is not None
        ),
    )


def _view(name: str, shows: str, about: Sequence[str], *conditions: str) -> View:
    return View(name, shows, " AND ".join((*about, *conditions)))
