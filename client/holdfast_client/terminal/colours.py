"""The colours of what can become of a checkout, a hold or a stock adjustment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STYLES: Final[Mapping[str, str]] = {
    "pending": "dim",
    "held": "yellow",
    "extended": "yellow",
    "abandoned": "dim",
    "fulfilled": "green",
    "applied": "green",
    "cancelled": "magenta",
    "expired": "cyan",
    "denied": "red",
    "refused": "red",
    "unavailable": "red",
    "interrupted": "red",
    "failed": "red",
}


def style_of(word: str) -> str:
    """Return the style of a status in a terminal; that of one not known is plain."""
    return STYLES.get(word, "")
