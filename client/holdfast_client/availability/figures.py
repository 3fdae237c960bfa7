"""What there is of each SKU, as a product page shows it: the answer's models, and its limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from holdfast_client.contract.fields import Answer, Message, Sku

SKUS_MAX: Final = 500
PAGE_SKUS_DEFAULT: Final = 100
PLACES_MAX: Final = 20
# No more than these is kept out of where a page begins: an older SKU may hold what a new one may
# not, and a page ends with it all the same.
_NEVER_STORED: Final = re.compile(r"[\x00\ud800-\udfff]")


class PlaceAvailability(Answer):
    """The figures of a SKU at one location, in units; ``active`` says that it is for sale there."""

    location: str
    name: str
    active: bool
    total: int
    reserved: int
    available: int


class SkuAvailability(Answer):
    """What a product page shows of one SKU.

    ``for_sale`` adds up what new holds may take at every location; 0 for a SKU that nobody knows.
    Of many locations the first ``PLACES_MAX`` are told.
    """

    sku: str
    is_known: bool = False
    for_sale: int = 0
    places: tuple[PlaceAvailability, ...] = ()
    places_left_out: int = 0


class AvailabilityPage(Answer):
    """Some SKUs in the database's order; ``next_after`` asks for those behind, None at the end."""

    items: tuple[SkuAvailability, ...] = ()
    next_after: str | None = None


def _storable(text: Any) -> Any:
    found = _NEVER_STORED.search(text) if isinstance(text, str) else None
    if found is not None:
        place = found.start() + 1
        raise ValueError(f"holds U+{ord(found[0]):04X} as its character {place}, as no SKU does")
    return text


class SkuRequest(Message):
    """Of which SKU the availability is wanted."""

    sku: Sku


class SkusRequest(Message):
    """Of which SKUs the availability is wanted."""

    skus: Annotated[tuple[Sku, ...], Field(max_length=SKUS_MAX, strict=False)]


class PageRequest(Message):
    """Which page of all SKUs is wanted."""

    after: Annotated[str, Field(max_length=1_000), BeforeValidator(_storable)] = ""
    limit: Annotated[int, Field(ge=1, le=SKUS_MAX)] = PAGE_SKUS_DEFAULT
