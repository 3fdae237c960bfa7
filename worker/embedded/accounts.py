"""The system account that Postgres runs as when we are root, which Postgres refuses to be."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from worker.embedded.errors import EmbeddedServerError

# The name that the Postgres package itself uses, so that one account serves both.
_ACCOUNT_NAME: Final = "pgserver"
_COMMAND_SECONDS_MAX: Final = 30.0


@dataclass(frozen=True)
class Account:
    """A system account without privileges."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make the account the owner of the path."""
        os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path) -> bool:
        """Say whether the account can run ``program --version``."""
        try:
            ended = subprocess.run(
                [program, "--version"],
                cwd="/",
                user=self.uid,
                group=self.gid,
                extra_groups=[],
                # Out of reach of Ctrl-C, which would look like a program that cannot be run.
                process_group=0,
                capture_output=True,
                timeout=_COMMAND_SECONDS_MAX,
                check=False,
            )
        except PermissionError:
            return False
        return ended.returncode == 0


def server_account() -> Account | None:
    """Return the account for Postgres, made if need be; None when we are not root and need none.

    Raises:
        EmbeddedServerError: the account cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        return _account()
    except KeyError:
        _add_account()
    return _account()


def let_pass(path: Path, announce: Callable[[str], None]) -> None:
    """Let every account pass through the directories above a path, but not list them.

    Only directories that lack it are changed, and each one is announced.
    """
    for directory in path.parents:
        mode = stat.S_IMODE(directory.stat().st_mode)
        if not mode & stat.S_IXOTH:
            announce(f"letting the account {_ACCOUNT_NAME} pass through {directory}")
            directory.chmod(mode | stat.S_IXOTH)


def let_read(tree: Path) -> None:
    """Let every account read a tree of program files, and run what its owner can run."""
    for path in [tree, *tree.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        runs = mode & stat.S_IXUSR
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _account() -> Account:
    entry = pwd.getpwnam(_ACCOUNT_NAME)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _add_account() -> None:
    command = ["useradd", "--system", "--shell", "/bin/false", _ACCOUNT_NAME]
    try:
        ended = subprocess.run(
            command,
            process_group=0,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS_MAX,
            check=False,
        )
    except FileNotFoundError:
        raise _no_account("there is no useradd here") from None
    # A second start at the same moment may have made it first; then the lookup finds it.
    if ended.returncode != 0 and not _is_there():
        raise _no_account(ended.stderr.strip())


def _is_there() -> bool:
    try:
        _account()
    except KeyError:
        return False
    return True


def _no_account(problem: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"Postgres does not run as root, and the account {_ACCOUNT_NAME} cannot be made: {problem}."
        " Start again as an ordinary user, or make that account."
    )
