"""The operators' command line, ``python -m worker``: one file for a group of commands.

Exit codes: 0 done, 1 refused or unhealthy or a breach found, 2 wrong usage or settings,
3 a server cannot be reached or started, 4 an order file has no orders, 70 a fault in Holdfast
itself, 130 interrupted.
"""

from worker.commands.command_line import app, main

__all__ = ["app", "main"]
