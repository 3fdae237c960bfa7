"""Where answers are written: tables in a terminal, plain text in a pipe, or one JSON document.

Plain text is stable: each line begins with a name and its cells are parted by tabs, as in
``status<TAB>held`` or ``line<TAB>MUG-01<TAB>main<TAB>2``. Empty cells stay empty, times are in UTC
and durations in seconds.

With JSON, stdout always gets exactly one document: the answer, or on failure
``{"error": {"type": ..., "message": ..., "field": ..., "details": {...}}}``: ``field`` only where
one is to blame, ``details`` only where a refusal says what stood in the way. Errors and remarks go
to stderr in every style: there a terminal shows the times of its place, a pipe or file has UTC.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, TextIO

from holdfast_client.contract.characters import on_one_line
from holdfast_client.terminal.drawing import draw
from holdfast_client.terminal.moments import local_remark, moment_text
from holdfast_client.terminal.sheet import Cell, ItemList, Sheet

CLIENT_PREFIX: Final = "holdfast: "


class Screen:
    """The two streams of one command.

    Args:
        as_json: whether the answer is one JSON document.
        prefix: leads each line on stderr.
    """

    def __init__(self, *, as_json: bool, prefix: str = CLIENT_PREFIX) -> None:
        self._as_json = as_json
        self._prefix = prefix

    def show(self, document: Any, sheet: Sheet) -> None:
        """Write the answer to stdout in the style that fits its reader."""
        if self._as_json:
            write(json.dumps(document))
        elif _is_terminal(sys.stdout):
            draw(sheet)
        else:
            write("\n".join(_plain_lines(sheet)))

    def fail(
        self,
        kind: str,
        message: str,
        *,
        field: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an error to stderr, and with JSON its document to stdout."""
        for line in message.splitlines():
            self.note(line)
        if self._as_json:
            error: dict[str, Any] = {"type": kind, "message": message}
            error |= {"field": field} if field else {}
            error |= {"details": dict(details)} if details else {}
            write(json.dumps({"error": error}))

    def note(self, line: str) -> None:
        """Write a remark to stderr."""
        say(line, self._prefix)


def say(line: str, prefix: str = CLIENT_PREFIX) -> None:
    """Write one line to stderr; what nobody reads any more is no reason to stop."""
    with suppress(OSError):
        told = local_remark(line) if _is_terminal(sys.stderr) else line
        print(f"{prefix}{told}", file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Write lines to stdout, as they are."""
    if not text or sys.stdout is None:
        return
    try:
        sys.stdout.write(text.removesuffix("\n") + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough. What was asked is done, so the exit code stays; the
        # interpreter must only find nothing left to flush into the broken pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_terminal(stream: TextIO | None) -> bool:
    """Say whether a person reads it; a process without that stream has None."""
    return stream is not None and stream.isatty()


def _plain_lines(sheet: Sheet) -> list[str]:
    lines = ["\t".join((name, _plain(value))) for name, value in sheet.facts]
    for table in sheet.tables:
        lines += ["\t".join((table.name, *map(_plain, row))) for row in table.rows]
    return lines


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return moment_text(cell)
        case timedelta():
            return f"{cell.total_seconds():.0f}"
        case ItemList():
            return on_one_line(cell.text())
        case _:
            return on_one_line(str(cell))
