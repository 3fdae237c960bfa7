"""The exit codes of the operators' commands, and the line that goes with one."""

from __future__ import annotations

import sys
from typing import Final

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3
EXIT_NOTHING: Final = 4


def complain(message: str, code: int) -> int:
    """Tell what is wrong on stderr, and return the exit code."""
    print(message, file=sys.stderr)
    return code
