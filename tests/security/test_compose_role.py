"""The job of the deployment that makes the worker's role, run as it is written."""

from __future__ import annotations

import os
import subprocess
from typing import Final

import psycopg
from sqlalchemy import make_url

from activities.inventory.database.migrate import upgrade_database
from tests.docs.pages import ROOT
from tests.inventory.databases import administer
from tests.limits import HANG_SECONDS
from tests.security.rights import rights_of
from worker.embedded.postgres_cluster import postgres_program

ROLE: Final = "holdfast_worker"
JOB: Final = ROOT / "deploy/compose/worker-role.sh"


def test_the_job_makes_the_role_and_gives_it_a_new_password_when_run_again(own_database_url: str):
    url = make_url(own_database_url)
    try:
        for password in ("first", "second'; DROP SCHEMA holdfast"):
            environment = {
                "PATH": f"{postgres_program('psql').parent}:{os.environ['PATH']}",
                "PGHOST": str(url.host),
                "PGPORT": str(url.port),
                "PGUSER": str(url.username),
                "PGPASSWORD": str(url.password),
                "PGDATABASE": str(url.database),
                "WORKER_PASSWORD": password,
            }
            ended = subprocess.run(
                ["/bin/sh", str(JOB)], env=environment, capture_output=True, text=True,
                timeout=HANG_SECONDS, check=False,
            )  # fmt: skip
            assert (ended.returncode, ended.stderr) == (0, "")
            with psycopg.connect(own_database_url, user=ROLE, password=password) as link:
                row = link.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
                assert row.fetchone() == (False,)
        upgrade_database(own_database_url, worker_role=ROLE)
        assert rights_of(own_database_url, ROLE) == {}
    finally:
        administer(own_database_url, "DROP OWNED BY {name}", name=ROLE)
        administer(own_database_url, "DROP ROLE {name}", name=ROLE)
