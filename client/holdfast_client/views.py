"""Ready-made views of the Temporal Web UI: what support looks for, as queries and links. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from holdfast_client import names
from holdfast_client.arguments import validated
from holdfast_client.fields import HOLD_SECONDS_MAX
from holdfast_client.listing import quoted
from holdfast_client.outcomes import CheckoutStatus
from holdfast_client.summaries import CheckoutFilter

# A decision takes seconds, even where the database does not answer.
PENDING_SECONDS_MAX: Final = 60
_RUNNING: Final = "ExecutionStatus = 'Running'"
_ENDED_BY_FORCE: Final = "ExecutionStatus IN ('Canceled', 'Failed', 'Terminated', 'TimedOut')"
# Temporal's own: the workflow task failed or timed out several times in a row.
_FAILING: Final = (
    "TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)


@dataclass(frozen=True)
class View:
    """A list of checkouts that support looks for.

    Args:
        name: what it is called.
        shows: what stands in it, in one sentence.
        query: in the language of Temporal's list filter.
    """

    name: str
    shows: str
    query: str

    def url(self, ui_url: str, namespace: str) -> str:
        """Return the link to it in the Web UI at ``ui_url``."""
        base = f"{ui_url.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows"
        return f"{base}?{urlencode({'query': self.query}, quote_via=quote)}"


def ready_made_views(
    now: datetime, *, sku: str | None = None, customer_id: str | None = None
) -> tuple[View, ...]:
    """Return the views, all of them about one SKU or one customer where these are given.

    Args:
        now: "today" begins at its midnight, UTC.
        sku: only checkouts that want it.
        customer_id: only this buyer's.

    Raises:
        InvalidRequest: the SKU or the customer is none, or cannot be searched for.
    """
    about = _about(validated(CheckoutFilter, sku=sku, customer_id=customer_id))
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        _view("all", "Every checkout, the latest first.", about),
        _view("held now", "Stock is held and waits for a payment.", about, _standing("held")),
        _ended_today("paid today", "The stock was sold.", about, "fulfilled", today),
        _ended_today("expired today", "Nobody paid before the deadline.", about, "expired", today),
        _ended_today("cancelled today", "The stock was given back.", about, "cancelled", today),
        _ended_today("denied today", "There was not enough stock.", about, "denied", today),
        # By when they began: such a checkout stays open until the database is back.
        _view(
            "unavailable today",
            "The stock's database did not answer.",
            about,
            f"{names.CHECKOUT_STATUS_ATTRIBUTE} = 'unavailable'",
            f"StartTime >= {_moment(today)}",
        ),
        _view(
            "interrupted", "Terminated or failed: no workflow ends them.", about, _ENDED_BY_FORCE
        ),
        *_stuck_views(now, about),
    )


def _stuck_views(now: datetime, about: Sequence[str]) -> tuple[View, ...]:
    undecided_since = now - timedelta(seconds=PENDING_SECONDS_MAX)
    open_since = now - timedelta(seconds=HOLD_SECONDS_MAX)
    return (
        _view(
            "stuck: undecided",
            f"Neither held nor denied for {PENDING_SECONDS_MAX} s.",
            about,
            _standing("pending"),
            f"StartTime < {_moment(undecided_since)}",
        ),
        _view(
            "stuck: open too long",
            "Still open after the longest hold there is, a day.",
            about,
            _RUNNING,
            f"StartTime < {_moment(open_since)}",
        ),
        _view("stuck: failing", "Workers fail on it, time and again.", about, _RUNNING, _FAILING),
    )


def _about(wanted: CheckoutFilter) -> tuple[str, ...]:
    return (
        f"WorkflowType = {quoted(names.CHECKOUT_WORKFLOW)}",
        *(
            f"{attribute} = {quoted(text)}"
            for attribute, text in (
                (names.SKUS_ATTRIBUTE, wanted.sku),
                (names.CUSTOMER_ID_ATTRIBUTE, wanted.customer_id),
            )
            if text is not None
        ),
    )


def _standing(status: CheckoutStatus) -> str:
    # A terminated checkout keeps the status that it had last.
    return f"{names.CHECKOUT_STATUS_ATTRIBUTE} = {quoted(status)} AND {_RUNNING}"


def _ended_today(
    name: str, shows: str, about: Sequence[str], status: CheckoutStatus, today: datetime
) -> View:
    standing = f"{names.CHECKOUT_STATUS_ATTRIBUTE} = {quoted(status)}"
    return _view(name, shows, about, standing, f"CloseTime >= {_moment(today)}")


def _view(name: str, shows: str, about: Sequence[str], *conditions: str) -> View:
    return View(name, shows, " AND ".join((*about, *conditions)))


def _moment(moment: datetime) -> str:
    return quoted(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
