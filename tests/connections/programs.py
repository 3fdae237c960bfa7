"""Servers as others run them: Debian's programs, under the account that Postgres runs as here."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.limits import HANG_SECONDS
from tests.system_packages import skip_without
from worker.embedded.accounts import Account, let_pass, server_account
from worker.embedded.postgres_cluster import postgres_environment, postgres_program
from worker.embedded.server_process import Program

_DEBIANS_POSTGRES: Final = Path("/usr/lib/postgresql/15/bin")


def postgres_programs(version: str) -> Path:
    """Return the folder of Postgres' programs, or skip the test that needs them.

    Args:
        version: ``embedded``, which is 18, or ``debian``, which is 15.
    """
    if version == "embedded":
        return postgres_program("postgres").parent
    if not _DEBIANS_POSTGRES.exists():
        skip_without("Postgres 15", "postgresql-15")
    return _DEBIANS_POSTGRES


def pgbouncer_program() -> str:
    """Return the path of PgBouncer, or skip the test that needs it."""
    # Debian keeps it where only root looks.
    path = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if path is None:
        skip_without("PgBouncer", "pgbouncer")
    return path


def owned_directory(directory: Path) -> Account | None:
    """Make a directory for a server's files; return the account that it belongs to, if not ours."""
    account = server_account()
    directory.mkdir(parents=True, mode=0o700)
    if account is not None:
        account.own(directory)
        let_pass(directory, lambda _: None)
    return account


def run(command: Sequence[str | Path], directory: Path, account: Account | None) -> None:
    """Run a program to its end as that account."""
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env=postgres_environment(),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def program(
    name: str, command: Callable[[], Sequence[str | Path]], directory: Path, account: Account | None
) -> Callable[[], Program]:
    """Return how to run a server whose log is beside its directory."""
    return lambda: Program(
        name=name,
        command=[str(word) for word in command()],
        environment=postgres_environment(),
        directory=directory,
        log_path=directory.with_suffix(".log"),
        stop_signal=signal.SIGINT,
        account=account,
    )
