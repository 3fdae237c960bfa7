"""The servers of one case, and the databases on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from activities.inventory.database.migrate import upgrade_database
from activities.inventory.records import StockRow
from benchmarks.case import AuditFailed
from holdfast_client.contract.names import DEFAULT_LOCATION
from worker.composition import open_inventory
from worker.dev import WORKER_ROLE
from worker.embedded.stack import EmbeddedStack
from worker.settings import load_settings

# Nothing of the reconciler's in the figures of checkouts.
_RECONCILE_INTERVAL_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Site:
    """Running servers with Holdfast's database migrated, and where logs go."""

    stack: EmbeddedStack
    directory: Path

    @property
    def temporal_pids(self) -> list[int]:
        return [pid for pid in [self.stack.temporal.pid] if pid is not None]

    @property
    def postgres_pids(self) -> list[int]:
        return [pid for pid in [self.stack.postgres.pid] if pid is not None]

    @property
    def worker_environment(self) -> dict[str, str]:
        """Return what a worker must be told: it works with the rights that it needs, no more."""
        return {
            "HOLDFAST_DATABASE_URL": self.stack.postgres.login_url(WORKER_ROLE),
            "HOLDFAST_RECONCILE_INTERVAL_SECONDS": str(_RECONCILE_INTERVAL_SECONDS),
            "TEMPORAL_ADDRESS": self.stack.temporal.address,
        }

    @property
    def client_environment(self) -> dict[str, str]:
        return {"TEMPORAL_ADDRESS": self.stack.temporal.address}

    def log_path(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def load_stock(self, skus: list[str], units_each: int) -> None:
        """Set the totals of these SKUs."""
        inventory = open_inventory(load_settings(database_url=self.stack.postgres.url))
        inventory.ledger.load_stock([StockRow(sku, DEFAULT_LOCATION, units_each) for sku in skus])
        inventory.close()

    def audit(self) -> None:
        """Check the ledger.

        Raises:
            AuditFailed: it does not add up.
        """
        settings = load_settings(database_url=self.stack.postgres.url, statement_timeout_ms=60_000)
        inventory = open_inventory(settings)
        breaches = inventory.ledger.audit()
        inventory.close()
        if breaches:
            raise AuditFailed(f"Holdfast's ledger does not add up: {breaches[0]}")

    def sold_units(self) -> int:
        """Return how many units have left by fulfilled checkouts."""
        return self.ask(
            "SELECT coalesce(-sum(total_delta), 0) FROM holdfast.stock_movements "
            "WHERE kind = 'fulfil'"
        )

    def ask(self, query: str, *values: object) -> int:
        """Return the one number that a query gives."""
        with psycopg.connect(self.stack.postgres.url) as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return int(row[0]) if row else 0

    def new_database(self, name: str) -> str:
        """Make an empty database on the same server and return its URL."""
        with psycopg.connect(self.stack.postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = make_url(self.stack.postgres.url).set(database=name)
        return url.render_as_string(hide_password=False)


@contextmanager
def running_site(
    directory: Path, announce: Callable[[str], None], *, metrics_port: int | None = None
) -> Iterator[Site]:
    """Start Postgres and Temporal as ``make dev`` does, without a worker.

    Raises:
        EmbeddedServerError: a server did not start.
    """
    announce("starting Postgres and Temporal")
    stack = EmbeddedStack(directory / "servers", metrics_port=metrics_port)
    with stack:
        # Makes the role that the migration grants its rights to.
        stack.postgres.login_url(WORKER_ROLE)
        upgrade_database(stack.postgres.url, worker_role=WORKER_ROLE)
        yield Site(stack, directory)
