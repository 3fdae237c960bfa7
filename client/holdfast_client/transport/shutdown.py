"""Leaving the interpreter at peace with the SDK's threads.

An SDK thread that hands over the end of a call while the interpreter ends aborts the process, and
a runtime that is freed then waits for threads that wait for the interpreter in turn. So the last
call gets a moment to settle, and a runtime is never freed: it goes with the process.
"""

from __future__ import annotations

import atexit
import ctypes
import time
from typing import Final

# An SDK thread is done with a call well under a millisecond after its answer; a busy machine may
# keep it waiting for a processor.
_SETTLE_SECONDS: Final = 0.1
# Of a call that was given up unanswered it still has to take notice.
_SETTLE_ABANDONED_SECONDS: Final = 0.5

_settled_at = float("-inf")


def note_end_of_call(*, abandoned: bool = False) -> None:
    """Note that a call to Temporal has just ended, or was given up unanswered."""
    global _settled_at  # noqa: PLW0603 the moment is the process's own
    settle_seconds = _SETTLE_ABANDONED_SECONDS if abandoned else _SETTLE_SECONDS
    _settled_at = max(_settled_at, time.monotonic() + settle_seconds)


def settle() -> None:
    """Wait until the last calls have settled, which they have where they ended long enough ago."""
    remaining_seconds = _settled_at - time.monotonic()
    if remaining_seconds > 0:
        time.sleep(remaining_seconds)


def never_free(thing: object) -> None:
    """Take a reference that nobody gives back: no other outlasts the interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


atexit.register(settle)
