"""Lists of checkouts: what can be asked for, and one row of the answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from holdfast_client.contract.fields import Message, PartyId, Sku, UtcTime
from holdfast_client.contract.outcomes import CheckoutStatus

LIST_LIMIT_DEFAULT: Final = 100
LIST_LIMIT_MAX: Final = 1_000

SummaryStatus = Literal[CheckoutStatus, "interrupted"]


def _searchable(text: str) -> str:
    """Refuse what Temporal's search does not read back as it was written, however it is quoted."""
    if '"' in text or "\\" in text or text.startswith("'") or text.endswith("'"):
        raise ValueError(
            "cannot be searched for: it holds a double quote or a backslash, or begins or ends "
            "with an apostrophe"
        )
    return text


class CheckoutSummary(Message):
    """One checkout of a list.

    ``status`` is ``interrupted`` where the workflow was terminated, failed or timed out, and
    ``unknown`` where its status attribute is not kept, or not yet written; a word that this version
    does not know is told as it is. ``skus``
    are the indexed ones: all, or the first of a checkout with very many. ``started_at`` is when
    the workflow's present run began.
    """

    checkout_id: str
    status: SummaryStatus | str
    customer_id: str | None = None
    cart_id: str | None = None
    skus: Annotated[tuple[str, ...], Field(strict=False)] = ()
    started_at: UtcTime
    closed_at: UtcTime | None = None


class CheckoutFilter(Message):
    """Which checkouts to list: those that meet every given condition, at most ``limit``."""

    status: SummaryStatus | None = None
    customer_id: Annotated[PartyId, AfterValidator(_searchable)] | None = None
    cart_id: Annotated[PartyId, AfterValidator(_searchable)] | None = None
    sku: Annotated[Sku, AfterValidator(_searchable)] | None = None
    started_after: UtcTime | None = None
    started_before: UtcTime | None = None
    limit: Annotated[int, Field(ge=1, le=LIST_LIMIT_MAX)] = LIST_LIMIT_DEFAULT

    def admits(self, summary: CheckoutSummary) -> bool:
        """Say whether a checkout meets every condition, to the letter.

        Temporal's own search over SKUs takes upper and lower case for the same on some databases.
        """
        return (
            self.status in {None, summary.status}
            and self.customer_id in {None, summary.customer_id}
            and self.cart_id in {None, summary.cart_id}
            and (self.sku is None or self.sku in summary.skus)
            and (self.started_after is None or self.started_after <= summary.started_at)
            and (self.started_before is None or summary.started_at < self.started_before)
        )
