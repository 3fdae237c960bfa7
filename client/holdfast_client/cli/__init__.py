"""The command line ``holdfast``: the client's methods for people and scripts.

Nothing heavy is imported here, and the pure parts (``orders``, ``replay`` and what they use) need
neither typer nor rich, so that other programs may use them without the extra ``[cli]``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from holdfast_client.terminal.ending import (
    EXIT_INTERRUPTED,
    end_process,
    end_quietly_on_interrupt,
    raise_on_interrupt,
)

if TYPE_CHECKING:
    from holdfast_client.cli.session import Connect

_NEEDED = ("typer", "rich")
_USAGE_EXIT = 2


def main(arguments: Sequence[str] | None = None, *, connect: Connect | None = None) -> int:
    """Run one command and return its exit code; as the program itself, end the process with it.

    Args:
        arguments: the words after ``holdfast``; None as the program itself, which takes those of
            its process.
        connect: how to reach the checkouts; a connection to Temporal when None.

    Returns:
        0 done, 1 refused, 2 wrong usage, 3 unreachable or unknown, 4 no orders, 70 a fault in
        Holdfast itself, 130 interrupted.
    """
    if arguments is not None:
        return _run(arguments, connect)
    end_quietly_on_interrupt()
    try:
        code = _run(sys.argv[1:], connect, begin=raise_on_interrupt)
    except KeyboardInterrupt:
        # Before the command began; once it has, it says itself what that means.
        code = EXIT_INTERRUPTED
    if "temporalio" in sys.modules:
        end_process(code)
    return code


def _run(
    arguments: Sequence[str], connect: Connect | None, begin: Callable[[], None] = lambda: None
) -> int:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"holdfast: the command line needs {' and '.join(missing)}: "
            "install holdfast-client[cli]",
            file=sys.stderr,
        )
        return _USAGE_EXIT
    # Only now, because it needs what was just looked for.
    from holdfast_client.cli.app import run  # noqa: PLC0415  # see above

    begin()
    return run(arguments, connect=connect)
