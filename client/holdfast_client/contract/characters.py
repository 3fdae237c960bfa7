"""Characters that nobody sees, or that change how the text around them reads.

Two ids that differ in such a character alone look the same on every screen and are two stock items.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Listed and not asked of `unicodedata`, whose answers differ between versions of Python; and so the
# JSON Schemas say the same.
_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
# Embeddings, overrides and isolates: they turn round what follows them.
_BIDI: Final = r"\u202a-\u202e\u2066-\u2069"
_OTHER_SPACES: Final = r"\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# What Unicode calls default-ignorable, the interlinear marks, and the blanks of Braille, Khitan and
# musical notes.
_UNSEEN: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065"
    r"\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    # As they are, because Python and JavaScript escape them differently.
    "\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATES: Final = r"\ud800-\udfff"

# For the JSON Schemas, in which a surrogate cannot stand.
REFUSED_IN_IDS: Final = f"[{_CONTROL}{_BIDI}{_OTHER_SPACES}{_UNSEEN}]"
REFUSED_IN_TEXT: Final = f"[{_CONTROL}{_BIDI}]"

_IN_IDS: Final = re.compile(f"{REFUSED_IN_IDS}|[{_SURROGATES}]")
_IN_TEXT: Final = re.compile(f"{REFUSED_IN_TEXT}|[{_SURROGATES}]")
_CONTROLS: Final = re.compile(f"[{_CONTROL}{_SURROGATES}]")
_BLANK: Final = re.compile(f"{REFUSED_IN_IDS}| ")


def composed(text: str) -> str:
    """Return the text in NFC: a letter with its accent is one character, however it was typed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def check_id(text: str) -> str:
    """Return an id, SKU or location as it is.

    Raises:
        ValueError: it holds what cannot be seen, or a space other than the ordinary one; the
            message names the character and its place, counted from 1.
    """
    return _without(_IN_IDS, text)


def check_text(text: str) -> str:
    """Return free text as it is.

    Raises:
        ValueError: it holds a control character, or one that turns round what follows it; the
            message names the character and its place, counted from 1.
    """
    return _without(_IN_TEXT, text)


def trimmed(text: str) -> str:
    """Return the text without spaces of any kind, and without what nobody sees, at its ends."""
    begin, end = 0, len(text)
    while begin < end and _BLANK.match(text, begin):
        begin += 1
    while begin < end and _BLANK.match(text, end - 1):
        end -= 1
    return text[begin:end]


def visible(text: str) -> str:
    """Return the text with what nobody sees written as its number, such as ``\\u200b``."""
    return _written_out(_IN_IDS, text)


def on_one_line(text: str) -> str:
    """Return the text with control characters written as their numbers, such as ``\\u000a``."""
    return _written_out(_CONTROLS, text)


def _without(refused: re.Pattern[str], text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    found = refused.search(text)
    if found is not None:
        place = found.start() + 1
        raise ValueError(f"holds {_described(found[0])} as its character {place}")
    return text


def _described(character: str) -> str:
    number = f"U+{ord(character):04X}"
    if _CONTROLS.match(character):
        return f"the control character {number}"
    name = f"{number} {unicodedata.name(character, '')}".rstrip()
    if unicodedata.category(character) == "Zs":
        return f"{name}, which looks like the ordinary space,"
    return f"the invisible {name}"


def _written_out(unseen: re.Pattern[str], text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return unseen.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
