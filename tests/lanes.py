"""Which tests use servers, found out by what they ask for; the others may not start any. And
which are long.

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
LONG: Final = "long"

# What starts a program for each test, kills and restarts servers, looks through a browser, or
# measures: two thirds of the suite's time, for what a change of a few lines seldom breaks.
LONG_PLACES: Final = (
    "tests/benchmarks/",
    "tests/browser/",
    "tests/client/cli/test_on_servers.py",
    "tests/connections/",
    "tests/deploy/",
    "tests/docs/test_adopting.py",
    "tests/docs/test_operating.py",
    "tests/docs/test_readme.py",
    "tests/embedded/",
    "tests/examples/test_countdown.py",
    "tests/examples/test_typescript.py",
    "tests/faults/",
    "tests/histories/test_releases.py",
    "tests/messages/test_flood.py",
    "tests/messages/test_garbage_in_bulk.py",
    "tests/messages/test_many_updates.py",
    "tests/monitoring/",
    "tests/security/test_dev_role.py",
    "tests/security/test_missing_keys.py",
    "tests/security/test_postgres_tls.py",
    "tests/security/test_secrets.py",
    "tests/soak/",
    "tests/worker/test_commands.py",
    "tests/worker/test_demo.py",
    "tests/worker/test_dev.py",
    "tests/worker/test_dev_places.py",
    "tests/worker/test_emptied_ledger.py",
    "tests/worker/test_interrupts.py",
    "tests/worker/test_processes.py",
    "tests/worker/test_reports.py",
    "tests/worker/test_stock_load_command.py",
    "tests/worker/test_unfit_databases.py",
    "tests/worker/test_watchdog.py",
    "tests/workflows/test_fair_queue.py",
    "tests/workflows/test_many_lines.py",
    "tests/workflows/test_message_races.py",
    "tests/workflows/test_outage.py",
    "tests/workflows/test_restart.py",
    "tests/workflows/test_sweep.py",
)
# Each test of an adopted shop makes one, with its own code beside it. Of every day are what stands
# in a plan's way, who may write, and what is followed; races and moves of whole shops are long.
ADOPTION: Final = "tests/adoption/"
ADOPTION_OF_EVERY_DAY: Final = (
    "tests/adoption/test_both_ways.py",
    "tests/adoption/test_checking.py",
    "tests/adoption/test_followed_elsewhere.py",
    "tests/adoption/test_holds_and_carts.py",
    "tests/adoption/test_policies.py",
    "tests/adoption/test_words.py",
)
_MARKER_BY_FIXTURE: Final = {"server_directory": SERVERS, "published": "slow"}

_PROGRAMS: Final = frozenset({"initdb", "postgres", "temporal", "prometheus", "pgbouncer"})
_BROWSERS: Final = ("chrom", "google-chrome")
# What of this project starts servers when it is run with `python -m`.
_MODULES: Final = (["worker", "dev"], ["worker", "demo"], ["soak"], ["benchmarks"])


def mark(items: Iterable[pytest.Item]) -> None:
    """Give each test that asks for servers, for files of the network, or for time, its marker."""
    for item in items:
        if is_long(item.nodeid):
            item.add_marker(LONG)
        for fixture in _MARKER_BY_FIXTURE.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(_MARKER_BY_FIXTURE[fixture])


def is_long(nodeid: str) -> bool:
    """Say whether a test is behind `make test-all`, by where it is."""
    if nodeid.startswith(ADOPTION):
        return not nodeid.startswith(ADOPTION_OF_EVERY_DAY)
    return nodeid.startswith(LONG_PLACES)


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
