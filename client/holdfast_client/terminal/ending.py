"""How a program that has used Temporal's SDK ends, and how one ends that Ctrl-C met early."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Final, NoReturn

EXIT_INTERRUPTED: Final = 130


def end_process(code: int) -> NoReturn:
    """End the process at once, all text written.

    The threads of Temporal's SDK still run, and the interpreter, when it takes itself down beneath
    them, aborts about every fifth time, which would give the caller a wrong exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(code)


def end_quietly_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, with 130 and without a word, while nothing has begun.

    To be called before anything slow is imported. Raised among imports, KeyboardInterrupt shows the
    insides of whichever module was being read, or comes out as that module's own failure.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))


def raise_on_interrupt() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt, for work that has something to put in order."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
