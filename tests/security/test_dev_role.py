"""The stack on one machine: its worker has a role of its own, its operator the owner's."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from activities.inventory.database.migrate import latest_version
from holdfast_client import AdjustmentApplied, Fulfilled, Held, ReservationClient
from tests.security.rights import rights_of
from tests.worker.conftest import Operator
from tests.worker.test_dev import developing
from worker.dev import WORKER_ROLE

SESSIONS = (
    "SELECT DISTINCT usename FROM pg_stat_activity "
    "WHERE application_name = 'holdfast-worker' AND datname = current_database()"
)


async def test_the_stacks_worker_works_under_its_own_role_and_the_ready_line_is_the_operators(
    operator: Operator, data_dir: Path, tmp_path: Path
):
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,quantity\nMUG-01,5\n")
    with developing(operator, data_dir) as (_, address, database_url):
        client = await ReservationClient.connect(address)
        applied = await client.adjust_stock("delivery-1", "CUP-07", "receive", 2)
        assert isinstance(applied, AdjustmentApplied)
        settings = {"HOLDFAST_DATABASE_URL": database_url}
        assert operator.run("stock", "load", str(stock), **settings).returncode == 0
        assert isinstance(await client.reserve("cart-1", [("MUG-01", 2)]), Held)
        assert isinstance(await client.confirm("cart-1", "pay-1"), Fulfilled)
        with psycopg.connect(database_url) as link:
            assert link.execute(SESSIONS).fetchall() == [(WORKER_ROLE,)]
        assert operator.run("audit", **settings).stdout == "I1, I2, I3, I4, I5 and I6 hold\n"
        told = operator.run("migrate", **settings).stdout
        assert told == f"schema {latest_version()} (nothing to do)\n"
        assert make_url(database_url).username != WORKER_ROLE
        assert rights_of(database_url, WORKER_ROLE) == {}


def test_the_roles_password_is_its_own_stays_and_is_nobody_elses_to_read(
    operator: Operator, data_dir: Path
):
    path = data_dir / "postgres" / f"password-{WORKER_ROLE}"
    passwords = []
    for _ in range(2):
        with developing(operator, data_dir) as (_, _, database_url):
            passwords.append(path.read_text().strip())
            assert passwords[-1] != make_url(database_url).password
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            log = (data_dir / "postgres" / "server.log").read_text()
            assert passwords[-1] not in log
    assert passwords[0] == passwords[1]
    assert len(passwords[0]) > 20
