"""Which tests use servers, found out by what they ask for; the others may not start any.

Servers keep their files where the fixture ``server_directory`` says. So whoever asks for it, by
whatever chain of fixtures, uses servers. A test that starts them in processes of its own says so
with the marker.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

SERVERS: Final = "servers"
_MARKER_BY_FIXTURE: Final = {"server_directory": SERVERS, "published": "slow"}

_PROGRAMS: Final = frozenset({"initdb", "postgres", "temporal", "prometheus", "pgbouncer"})
_BROWSERS: Final = ("chrom", "google-chrome")
# What of this project starts servers when it is run with `python -m`.
_MODULES: Final = (["worker", "dev"], ["worker", "demo"], ["soak"], ["benchmarks"])


def mark(items: Iterable[pytest.Item]) -> None:
    """Give each test that asks for servers, or for files of the network, its marker."""
    for item in items:
        for fixture in _MARKER_BY_FIXTURE.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(_MARKER_BY_FIXTURE[fixture])


def forbid_servers(patch: pytest.MonkeyPatch) -> None:
    """From now on whatever starts a server from this process fails, and names the command."""
    start = subprocess.Popen.__init__

    def guarded(self: subprocess.Popen[Any], args: Any, *rest: Any, **options: Any) -> None:
        command = words_of(args)
        if starts_servers(command):
            # Not an Exception: what answers to a server's failure must not swallow this.
            pytest.fail(f"a test of the fast lane starts a server: {' '.join(command)}")
        start(self, args, *rest, **options)

    patch.setattr(subprocess.Popen, "__init__", guarded)


def words_of(args: Any) -> list[str]:
    """Return a command as ``subprocess`` takes it, as words."""
    if isinstance(args, str | bytes | os.PathLike):
        args = [args]
    return [os.fsdecode(word) for word in args]


def starts_servers(command: Sequence[str]) -> bool:
    """Say whether a command is a server, or a program of this project that starts some."""
    name = Path(command[0]).name
    if name in _PROGRAMS or name.startswith(_BROWSERS):
        return True
    if not name.startswith("python") or "-m" not in command:
        return False
    words = command[command.index("-m") + 1 :]
    return any(list(words[: len(module)]) == module for module in _MODULES)
