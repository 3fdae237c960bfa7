"""The exit code of a command: what a script may branch on.

====  =================================================================================
0     what was asked for is so
1     refused: denied, conflict, not found, unhealthy, a breach found
2     wrong usage, settings or files: nothing was sent
3     unreachable, unknown or unavailable: the same command may be given again
4     nothing to do: the order file has no orders
70    a fault in Holdfast itself
130   interrupted by Ctrl-C
====  =================================================================================
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNKNOWN = 3
    NOTHING = 4
    FAULT = 70
    INTERRUPTED = 130
