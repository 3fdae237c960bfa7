"""A dump of a ledger, and the script that puts it in the place of what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import make_url

from tests.docs.pages import ROOT
from tests.inventory.databases import WORKER_ROLE
from tests.limits import HANG_SECONDS
from worker.embedded.postgres_cluster import postgres_environment, postgres_program
from worker.embedded.temporal import _temporal_program

RESTORE: Final = ROOT / "deploy/restore/restore.sh"


class Backup:
    """A dump of one database, and the moment at which it was made.

    Args:
        admin_url: of a superuser, in another database.
        url: of the database.
        file: where the dump is written.
    """

    def __init__(self, admin_url: str, url: str, file: Path) -> None:
        self._admin_url, self.url, self.file = admin_url, url, file
        run_on("pg_dump", url, "--format=custom", "--no-blobs", f"--file={file}")
        self.made_at = datetime.now(UTC)

    def environment(self, address: str) -> dict[str, str]:
        """Return the environment in which the script is run."""
        found = (
            _temporal_program().parent,
            postgres_program("psql").parent,
            Path(sys.prefix, "bin"),
        )
        ours = {k: v for k, v in postgres_environment().items() if not k.startswith("HOLDFAST_")}
        return {
            **ours,
            "PATH": ":".join([*map(str, found), os.environ["PATH"]]),
            "TEMPORAL_ADDRESS": address,
            "HOLDFAST_DATABASE_URL": self.url,
            "HOLDFAST_WORKER_ROLE": WORKER_ROLE,
        }

    def restore(
        self, address: str, *words: str, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script that puts the dump in the place of what is there and replays the rest."""
        return subprocess.run(
            ["/bin/sh", str(RESTORE), *words, str(self.file)],
            cwd=ROOT,
            env={**self.environment(address), **changes},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )

    def put_back(self) -> None:
        """Put the dump in the place of what is there, and no more."""
        name = str(make_url(self.url).database)
        for words in (["dropdb", "--force"], ["createdb"]):
            _program(*words, f"--maintenance-db={self._admin_url}", name)
        options = ("--exit-on-error", "--single-transaction", str(self.file))
        run_on("pg_restore", self.url, *options)


def database_name(url: str) -> str:
    return str(make_url(url).database)


def databases_beside(url: str, part: str) -> list[str]:
    """Return the databases that the script has left beside this one."""
    with psycopg.connect(url) as link:
        found = link.execute("SELECT datname FROM pg_database").fetchall()
    return [name for (name,) in found if name.startswith(database_name(url) + part)]


def count_reservations(url: str) -> int:
    with psycopg.connect(url) as link:
        row = link.execute("SELECT count(*) FROM holdfast.reservations").fetchone()
    assert row is not None
    return int(row[0])


def run_on(program: str, url: str, *options: str) -> None:
    _program(program, f"--dbname={url}", *options)


def _program(name: str, *words: str) -> None:
    """Run one of Postgres's client programs."""
    subprocess.run(
        [str(postgres_program(name)), *words],
        env=dict(postgres_environment()),
        check=True,
        timeout=HANG_SECONDS,
    )
