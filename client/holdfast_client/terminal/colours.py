"""The colours of what can become of a checkout, a hold or a stock adjustment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Yellow is held, blue paid and on the shelf, green done, magenta given back, cyan run out, red
# refused or in need of somebody; dim is what says little.
STYLES: Final[Mapping[str, str]] = {
    "pending": "dim",
    "held": "yellow",
    "extended": "yellow",
    "amended": "yellow",
    "payment started": "yellow",
    "reinstated": "yellow",
    "resumed": "yellow",
    "committed": "bright_blue",
    "shipped": "green",
    "fulfilled": "green",
    "applied": "green",
    "released": "magenta",
    "cancelled": "magenta",
    "expired": "cyan",
    "payment ended": "cyan",
    "denied": "red",
    "refused": "red",
    "unavailable": "red",
    "interrupted": "red",
    "failed": "red",
    "refund due": "red",
    "paid twice": "red",
    "paid too late": "red",
    "payment not waited for": "red",
    "signal ignored": "red",
    "abandoned": "dim",
    "unknown": "dim",
    "asked again": "dim",
    "not asked": "dim",
}
# How events begin and end that say what was refused, whatever that was.
_TOO_LATE: Final = "too late to be "
_REFUSED: Final = " refused"


def style_of(word: str) -> str:
    """Return the style of a status or an event in a terminal; that of one not known is plain."""
    words = word.replace("_", " ")
    if words.startswith(_TOO_LATE) or words.endswith(_REFUSED):
        return STYLES["refused"]
    return STYLES.get(words, "")
