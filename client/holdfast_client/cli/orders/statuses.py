"""What the status of an order means: whether anything was sold.

A word such as ``cancelled`` decides, unless a word before it undoes it (``not cancelled``) or one
after it says that it was only asked for (``cancellation requested``). What else comes after it is a
reason: ``Cancelled by customer request``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final

# Nothing was sold, or it is no longer.
_ENDED: Final = frozenset(
    {
        "canceled",
        "cancelled",
        "declined",
        "denied",
        "expired",
        "failed",
        "refunded",
        "rejected",
        "reversed",
        "voided",
    }
)
# What ends a sale, whether it has come about or is only spoken of.
_ENDING: Final = frozenset(
    {
        "cancel",
        "cancelation",
        "cancellation",
        "chargeback",
        "draft",
        "fraud",
        "refund",
        "trash",
        "void",
    }
)
_NO_SALE: Final = _ENDED | _ENDING
_IN_PART: Final = frozenset({"partial", "partially", "partly"})
# Before a word of those: it is so in part, or not at all.
_UNDOING: Final = _IN_PART | {"be", "being", "never", "no", "non", "none", "not"}
# Before or after the word for an ending: it has not come about yet.
_ASKED_FOR: Final = frozenset({"awaiting", "pending", "request", "requested", "requests"})
# After that: what was asked for may have come about.
_GRANTED: Final = frozenset({"accepted", "approved", "completed", "done", "granted", "processed"})
# After an ending: somebody is at it, or it was refused. Nobody can tell from here what was sold.
_UNDECIDED: Final = (_ENDED - {"expired"}) | {
    "closed",
    "initiated",
    "process",
    "processing",
    "progress",
    "refused",
    "started",
    "withdrawn",
}
# Parts an undoing word from its word, and means nothing by itself.
_BETWEEN: Final = frozenset(
    {
        "a",
        "been",
        "buyer",
        "customer",
        "for",
        "fully",
        "in",
        "longer",
        "of",
        "order",
        "the",
        "to",
        "yet",
    }
)
# Where one of these stands and no ending, it is a sale beyond doubt.
_SALE: Final = frozenset(
    {
        "accepted",
        "approved",
        "authorised",
        "authorized",
        "captured",
        "closed",
        "complete",
        "completed",
        "confirmed",
        "created",
        "delivered",
        "delivering",
        "dispatched",
        "done",
        "fulfilled",
        "hold",
        "holded",
        "invoiced",
        "new",
        "open",
        "ordered",
        "packed",
        "paid",
        "payment",
        "picked",
        "placed",
        "process",
        "processed",
        "processing",
        "progress",
        "ready",
        "received",
        "restocked",
        "scheduled",
        "sent",
        "settled",
        "ship",
        "shipped",
        "shipping",
        "sold",
        "succeeded",
        "success",
        "successful",
        "transit",
        "unfulfilled",
        "unpaid",
        "unshipped",
        "waiting",
    }
)
_KNOWN: Final = _SALE | _UNDOING | _ASKED_FOR
# How the ending of an ending is called, as in Magento's ``paypal_canceled_reversal``.
_UNDONE: Final = "reversal"
# What parts two statements: a mark, or a dash between spaces. ``wc-cancelled`` is one.
_STATEMENTS: Final = re.compile(r"[^\w\s-]+|\s[-\u2013\u2014]+\s")
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD: Final = re.compile(r"[^\W\d_]+")
_REMEMBERED_MAX: Final = 1_000


class Meaning(Enum):
    """What a status says of a sale; of a doubtful one a person has to decide."""

    SALE = "sale"
    NO_SALE = "no sale"
    DOUBTFUL = "doubtful"


@lru_cache(maxsize=_REMEMBERED_MAX)
def meaning_of(status: str) -> Meaning:
    """Return what a status means.

    Args:
        status: as the export has it, such as ``wc-cancelled``, ``CancelledByBuyer`` or
            ``Cancelled (refund pending)``.
    """
    statements = _statements(status)
    found = {meaning for words in statements for meaning in _meanings(words)}
    for meaning in (Meaning.NO_SALE, Meaning.DOUBTFUL, Meaning.SALE):
        if meaning in found:
            return meaning
    is_known = any(word in _KNOWN for words in statements for word in words)
    return Meaning.SALE if is_known else Meaning.DOUBTFUL


def is_no_sale(status: str, further: frozenset[str] = frozenset()) -> bool:
    """Tell whether a status means that nothing was sold.

    Args:
        status: as the export has it.
        further: statuses that the caller names beside the known words; case does not count.
    """
    return status.casefold() in further or meaning_of(status) is Meaning.NO_SALE


def _statements(status: str) -> list[list[str]]:
    """Return the words of each statement; ``(partly)`` belongs to what it stands behind."""
    statements: list[list[str]] = [[]]
    for text in _STATEMENTS.split(status):
        words = _words(text)
        if _IN_PART.issuperset(words):
            statements[-1] += words
        else:
            statements.append(words)
    return statements


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(_CAMEL_CASE.sub(" ", text))]


def _meanings(words: Sequence[str]) -> Iterator[Meaning]:
    """Yield what each word for an ending means in its place."""
    for place, word in enumerate(words):
        if word in _NO_SALE:
            yield _meaning_between(
                _telling(words[:place][::-1]), word, _telling(words[place + 1 :])
            )


def _meaning_between(before: Sequence[str], word: str, after: Sequence[str]) -> Meaning:
    """Return what a word for an ending means between others, the nearest of each side first."""
    last, next_ = next(iter(before), ""), next(iter(after), "")
    if last in _UNDOING or next_ == _UNDONE:
        return Meaning.SALE
    if next_ in _IN_PART:
        return Meaning.DOUBTFUL
    if word in _ENDED:
        # "Cancel request declined": what ended is the asking, or the sale.
        return Meaning.DOUBTFUL if last in _ASKED_FOR | _ENDING else Meaning.NO_SALE
    if next_ in _UNDECIDED:
        return Meaning.DOUBTFUL
    if last in _ASKED_FOR or next_ in _ASKED_FOR:
        return Meaning.DOUBTFUL if _GRANTED.intersection(after) else Meaning.SALE
    return Meaning.NO_SALE


def _telling(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in _BETWEEN]
