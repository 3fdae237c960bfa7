"""Which of the messages that a client sends to Postgres make something last."""

from __future__ import annotations

import re
from typing import Final

# A transaction's end, as a simple query or as the text of a statement. With the zero, so that it is
# not the beginning of READ COMMITTED.
_COMMIT: Final = b"COMMIT\0"
_NAMED_COMMIT: Final = re.compile(rb"P.{4}(\w+)\0COMMIT\0", re.DOTALL)
# Calls that are transactions of their own. Postgres' messages: P names a statement and gives its
# text, B says which statement is to be run. Without a name both come together.
_CALL: Final = rb"[^\0]*holdfast\.(?:reserve_what_fits|close_reservations)\("
_NAMED: Final = re.compile(rb"P.{4}(\w+)\0" + _CALL, re.DOTALL)
_UNNAMED: Final = re.compile(rb"P.{4}\0" + _CALL, re.DOTALL)
_RUN: Final = re.compile(rb"B.{4}\0(\w+)\0", re.DOTALL)


class CommitWatch:
    """Reads what one connection sends, and remembers the statements that it has named."""

    def __init__(self) -> None:
        self._calls: set[bytes] = set()
        self._commits: set[bytes] = set()

    def commits(self, chunk: bytes, *, in_transactions_only: bool) -> bool:
        """Say whether something is to last by what is sent here.

        Args:
            chunk: what is sent at once.
            in_transactions_only: whether calls that are transactions of their own do not count.
        """
        self._calls.update(_NAMED.findall(chunk))
        self._commits.update(_NAMED_COMMIT.findall(chunk))
        if _COMMIT in chunk or not self._commits.isdisjoint(_RUN.findall(chunk)):
            return True
        runs_call = bool(_UNNAMED.search(chunk)) or not self._calls.isdisjoint(_RUN.findall(chunk))
        return runs_call and not in_transactions_only
