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

_last_call_ended = float("-inf")


def note_end_of_call() -> None:
    """Note that a call to Temporal has just ended, in whatever way."""
    global _last_call_ended  # noqa: PLW0603 the moment is the process's own
    _last_call_ended = time.monotonic()


def settle() -> None:
    """Wait until the last call has settled, which it has where it ended long enough ago."""
    remaining_seconds = _SETTLE_SECONDS - (time.monotonic() - _last_call_ended)
    if remaining_seconds > 0:
        time.sleep(remaining_seconds)


def never_free(thing: object) -> None:
    """Take a reference that nobody gives back: no other outlasts the interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


atexit.register(settle)
