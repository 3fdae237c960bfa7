"""The worker's database role: every operation of the ledger works under it, and nothing else does.

All tests of ``tests/inventory`` run the ledger under this role too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Engine, text

from activities.inventory.amendment_records import HoldAmendment
from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable, WorkerRoleUnfit
from activities.inventory.database.migrate import upgrade, upgrade_database
from activities.inventory.database.rights.grants import FUNCTION_GRANTS, READ_GRANTS
from activities.inventory.history_records import DeniedPeriod, HistoryPeriod
from activities.inventory.ledger import Ledger
from activities.inventory.payment_records import Pause
from activities.inventory.records import Closing, Part, ReservationState, StockRow
from holdfast_client.contract.holds import HoldsRequest
from holdfast_client.contract.messages import Line, StockAdjustment, merged
from holdfast_client.contract.outcomes import Expired, Held
from holdfast_client.contract.refunds import RefundDone, RefundsRequest
from tests.inventory.databases import WORKER_ROLE, administer, as_worker, fresh_database
from tests.inventory.shop import checkout, hold_until
from tests.worker.conftest import Operator

Step = Callable[[Ledger], Any]
NOW: Final = datetime(2031, 3, 14, 9, tzinfo=UTC)


@pytest.fixture
def worker_ledger(own_database_url: str) -> Iterator[Ledger]:
    engine = open_engine(as_worker(own_database_url), connections_max=1)
    yield Ledger(engine)
    engine.dispose()


@pytest.fixture
def stocked_url(own_database_url: str, worker_ledger: Ledger) -> str:
    """A worker's URL of a database in which every table has a row."""
    worker_ledger.load_stock([StockRow("MUG", "main", 5)])
    _receive(worker_ledger)
    worker_ledger.reserve([checkout("c1", MUG=2)])
    return as_worker(own_database_url)


def _receive(ledger: Ledger) -> Any:
    return ledger.adjust(
        StockAdjustment(adjustment_id="a1", kind="receive", sku="CUP", quantity=3, reason="new")
    )


def _extend(ledger: Ledger) -> Any:
    (state,) = ledger.reserve([checkout("c2", MUG=1)])
    assert isinstance(state, ReservationState)
    assert isinstance(state.outcome, Held)
    later = state.outcome.expires_at + timedelta(seconds=60)
    return ledger.extend([hold_until("c2", later)])


def _supersede(ledger: Ledger) -> Any:
    ledger.reserve([checkout("c3", MUG=1).model_copy(update={"customer_id": "u-1"})])
    new = checkout("c4", MUG=2)
    answer = ledger.reserve_alone(new.model_copy(update={"customer_id": "u-1", "supersedes": "c3"}))
    assert isinstance(answer, ReservationState)
    assert answer.supersedes
    return answer


LATE: Final = Closing("c1", "cancelled", operation_id="settlement-1")
# In the order in which a shop comes by them: each finds what the one before has left.
OPERATIONS: Final[dict[str, Step]] = {
    "load_stock": lambda ledger: ledger.load_stock([StockRow("MUG", "main", 9, "Mug")]),
    "preview_load": lambda ledger: ledger.preview_load([StockRow("MUG", "main", 9)], NOW),
    "clock": lambda ledger: ledger.clock(),
    "holds": lambda ledger: ledger.holds(HoldsRequest(sku="MUG")),
    "adjust": _receive,
    "reserve": lambda ledger: ledger.reserve([checkout("c1", MUG=2), checkout("none", MUG=99)]),
    "extend": _extend,
    "pause": lambda ledger: ledger.pause(
        Pause("c2", "payment_started", "p-1", "pay_2", seconds=60)
    ),
    "part": lambda ledger: ledger.part(
        Part("c2", "release", "r-1", (Line(sku="MUG", quantity=1),), reason="less")
    ),
    "reserve_alone": _supersede,
    "amend": lambda ledger: ledger.amend(
        HoldAmendment("c4", "a-1", merged([Line(sku="MUG", quantity=1)]))
    ),
    "abandon": lambda ledger: ledger.abandon(checkout("gone", MUG=1)),
    "close": lambda ledger: ledger.close(
        [
            Closing("c4", "cancelled"),
            Closing("c1", "fulfilled", payment_reference="pay_1"),
            Closing("c2", "cancelled", reason="changed my mind"),
            Closing("never-seen", "expired"),
        ]
    ),
    "reinstate": lambda ledger: ledger.reinstate(
        Closing("c2", "fulfilled", payment_reference="pay_2", reinstating=True)
    ),
    "refunds": lambda ledger: ledger.refunds(RefundsRequest()),
    "refund": lambda ledger: ledger.refund(RefundDone(payment_reference="pay_2")),
    "record_late_cancellation": lambda ledger: ledger.record_late_cancellation(
        LATE, Expired(at=NOW)
    ),
    "late_cancellation": lambda ledger: ledger.late_cancellation(LATE),
    "resumable": lambda ledger: ledger.resumable("c1"),
    "payment_figures": lambda ledger: ledger.payment_figures(),
    "expire_overdue": lambda ledger: ledger.expire_overdue(0),
    "reservations": lambda ledger: ledger.reservations(["c1"]),
    "availability": lambda ledger: ledger.availability(["MUG"]),
    "in_stock": lambda ledger: ledger.in_stock(),
    "low_stock": lambda ledger: ledger.low_stock(),
    "overdue": lambda ledger: ledger.overdue(),
    "count_overdue": lambda ledger: ledger.count_overdue(),
    "units_held": lambda ledger: ledger.units_held(),
    "timeline": lambda ledger: ledger.timeline("c1"),
    "locations": lambda ledger: ledger.locations("MUG"),
    "item_history": lambda ledger: ledger.item_history("MUG", "main", HistoryPeriod(10, at=NOW)),
    "denied_demand": lambda ledger: ledger.denied_demand(DeniedPeriod(NOW, NOW, 10)),
    "audit": lambda ledger: ledger.audit(),
    "drift": lambda ledger: ledger.drift(),
    "follow_shop": lambda ledger: ledger.follow_shop(),
    "began_at": lambda ledger: ledger.began_at(),
    "schema_version": lambda ledger: ledger.schema_version(),
}


def test_every_operation_of_the_ledger_works_under_the_role_of_a_worker(
    own_database_url: str, worker_ledger: Ledger
):
    with psycopg.connect(own_database_url) as link:
        # As where nobody may run what others made unless they are told that they may.
        link.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA holdfast FROM PUBLIC")
    for operation in OPERATIONS.values():
        operation(worker_ledger)
    assert worker_ledger.audit() == ()
    (mugs,) = worker_ledger.availability(["MUG"])
    assert (mugs.total, mugs.reserved, mugs.name) == (7, 0, "Mug")


def test_no_operation_was_forgotten():
    assert {name for name in dir(Ledger) if not name.startswith("_")} == set(OPERATIONS)


def test_an_overdue_hold_is_ended_under_the_role_of_a_worker(
    own_database_url: str, worker_ledger: Ledger
):
    worker_ledger.load_stock([StockRow("MUG", "main", 1)])
    worker_ledger.reserve([checkout("c1", 1, MUG=1)])
    with psycopg.connect(own_database_url) as link:
        link.execute("UPDATE holdfast.reservations SET expires_at = now() - interval '1 hour'")
    # The buyer in need ends it first, and gets what it held.
    (state,) = worker_ledger.reserve([checkout("c2", MUG=1)])
    assert isinstance(state, ReservationState)
    assert isinstance(state.outcome, Held)


REFUSED: Final = {
    "changing a movement": "UPDATE holdfast.stock_movements SET reason = 'x'",
    "changing the figures of one": "UPDATE holdfast.stock_movements SET total_delta = 1",
    "removing movements": "DELETE FROM holdfast.stock_movements",
    "emptying the movements": "TRUNCATE holdfast.stock_movements",
    "numbering a movement": (
        "INSERT INTO holdfast.stock_movements (id, stock_item_id, operation, kind, total_delta, "
        "reserved_delta, created_at) OVERRIDING SYSTEM VALUE "
        "VALUES (9, 1, 1, 'receive', 1, 0, now())"
    ),
    "changing a line": "UPDATE holdfast.reservation_lines SET quantity = 1",
    "removing lines": "DELETE FROM holdfast.reservation_lines",
    "changing a figure": "UPDATE holdfast.stock_items SET reserved_quantity = 0",
    "writing a movement": (
        "INSERT INTO holdfast.stock_movements (stock_item_id, operation, kind, total_delta, "
        "reserved_delta, created_at) VALUES (1, 1, 'receive', 1, 0, now())"
    ),
    "posting movements": (
        "SELECT holdfast.post_movements(ARRAY[0], NULL, ARRAY[1], ARRAY['shop'], ARRAY[9], "
        "ARRAY[0], NULL, NULL)"
    ),
    "a total that nobody asked to change": (
        "SELECT holdfast.move_totals(0, ARRAY[1], ARRAY['count'], ARRAY[9], '', '')"
    ),
    "a total under an operation that is over": (
        "SELECT holdfast.move_totals(o.sequence, ARRAY[1], ARRAY['count'], ARRAY[9], '', '') "
        "FROM holdfast.operation_records AS o"
    ),
    "units of a checkout as an operation on stock": (
        "SELECT holdfast.move_totals(holdfast.claim_operation('a2', 'adjust', NULL, '', ''), "
        "ARRAY[1], ARRAY['fulfil'], ARRAY[-1], '', '')"
    ),
    "taking out of sale without an operation": "SELECT holdfast.set_active(1, false)",
    "a second hold of what is held": (
        "SELECT holdfast.hold_reservations(now(), ARRAY[r.id], ARRAY[60], ARRAY[r.id], ARRAY[1], "
        "ARRAY[1]) FROM holdfast.reservations AS r"
    ),
    "taking over from what is no hold": (
        "SELECT holdfast.supersede_reservation(c.id, c.id, 60, 60, ARRAY[1], ARRAY[1], ARRAY[1], "
        "ARRAY[1]) FROM holdfast.claim_reservations(ARRAY['c9'], NULL, NULL, NULL, NULL, NULL, "
        "NULL) AS c"
    ),
    "changing an operation": "UPDATE holdfast.operation_records SET reason = 'x'",
    "removing operations": "DELETE FROM holdfast.operation_records",
    "removing reservations": "DELETE FROM holdfast.reservations",
    "giving a reservation away": "UPDATE holdfast.reservations SET customer_id = 'x'",
    "renaming a reservation": "UPDATE holdfast.reservations SET checkout_id = 'x'",
    "forging a digest": "UPDATE holdfast.reservations SET digest = 'x'",
    "removing stock items": "DELETE FROM holdfast.stock_items",
    "renaming a SKU": "UPDATE holdfast.stock_items SET sku = 'x'",
    "stock from nowhere": "INSERT INTO holdfast.stock_items (sku, total_quantity) VALUES ('x', 9)",
    "another schema version": "UPDATE holdfast.alembic_version SET version_num = '9999'",
    "dropping a constraint": (
        "ALTER TABLE holdfast.stock_items DROP CONSTRAINT stock_items_reserved_within_total"
    ),
    "switching the trigger off": "ALTER TABLE holdfast.stock_movements DISABLE TRIGGER ALL",
    "playing replica": "SET session_replication_role = replica",
    "another clock": (
        "CREATE OR REPLACE FUNCTION holdfast.clock() RETURNS timestamptz LANGUAGE sql "
        "AS 'SELECT now()'"
    ),
    "the ledger's own trigger on a table of one's own": (
        "CREATE TEMP TABLE mine (id bigint, ends_at timestamptz); CREATE TRIGGER mine AFTER UPDATE "
        "ON mine FOR EACH ROW EXECUTE FUNCTION holdfast.copy_deadline()"
    ),
    "a table in the schema": "CREATE TABLE holdfast.x (a int)",
    "a table elsewhere": "CREATE TABLE public.x (a int)",
    "a schema": "CREATE SCHEMA x",
    "dropping a table": "DROP TABLE holdfast.stock_movements",
    "dropping the schema": "DROP SCHEMA holdfast CASCADE",
    "another role": "CREATE ROLE somebody",
    "reading files": "SELECT pg_read_file('postgresql.conf')",
    "running programs": "COPY holdfast.stock_items TO PROGRAM 'cat'",
    "reading passwords": "SELECT rolpassword FROM pg_authid",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_work_of_a_worker_is_refused_by_grant(stocked_url: str, statement: str):
    with psycopg.connect(stocked_url) as link, pytest.raises(errors.InsufficientPrivilege):
        link.execute(statement)


def test_a_denial_of_what_is_held_changes_nothing(stocked_url: str):
    row = "SELECT status, shortages, created_at, closed_at FROM holdfast.reservations"
    with psycopg.connect(stocked_url) as link:
        before = link.execute(row).fetchall()
        link.execute(
            "SELECT holdfast.deny_reservations(now(), ARRAY[id], ARRAY['[]'::jsonb]) "
            "FROM holdfast.reservations"
        )
        assert link.execute(row).fetchall() == before


def test_a_worker_that_grants_itself_more_has_no_more(stocked_url: str):
    with psycopg.connect(stocked_url) as link:
        # Postgres only warns where somebody grants what he may not.
        link.execute(f'GRANT DELETE ON holdfast.stock_movements TO "{WORKER_ROLE}"')
        with pytest.raises(errors.InsufficientPrivilege):
            link.execute("DELETE FROM holdfast.stock_movements")


def test_every_table_and_view_has_its_grant(own_database_url: str):
    with psycopg.connect(own_database_url) as link:
        rows = link.execute(
            "SELECT relname FROM pg_class "
            "WHERE relnamespace = 'holdfast'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        ).fetchall()
    assert {name for (name,) in rows} == set(READ_GRANTS)


def test_every_function_is_a_workers_or_closed_to_everybody(own_database_url: str):
    with psycopg.connect(own_database_url) as link:
        rows = link.execute(
            "SELECT proname, has_function_privilege(%s, oid, 'EXECUTE'), prosecdef, proconfig "
            "FROM pg_proc WHERE pronamespace = 'holdfast'::regnamespace",
            [WORKER_ROLE],
        ).fetchall()
    assert {name for name, is_granted, _, _ in rows if is_granted} == set(FUNCTION_GRANTS)
    owners = {name: config for name, _, is_owners, config in rows if is_owners}
    assert all(config == ["search_path=pg_catalog, pg_temp"] for config in owners.values())


def test_what_somebody_granted_beyond_it_is_taken_back_by_the_next_migration(
    own_database_url: str,
):
    with psycopg.connect(own_database_url) as link:
        link.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA holdfast TO "{WORKER_ROLE}"')
        link.execute(f'GRANT CREATE ON SCHEMA holdfast TO "{WORKER_ROLE}"')
    for _ in range(2):
        upgrade_database(own_database_url, worker_role=WORKER_ROLE)
    with psycopg.connect(as_worker(own_database_url)) as link:
        link.execute("SELECT count(*) FROM holdfast.stock_movements")
        with pytest.raises(errors.InsufficientPrivilege):
            link.execute("DELETE FROM holdfast.stock_movements")


@pytest.fixture
def bare_engine(postgres_url: str) -> Iterator[Engine]:
    with fresh_database(postgres_url) as url:
        engine = open_engine(url, connections_max=1)
        yield engine
        engine.dispose()


@pytest.mark.parametrize(
    ("role", "problem"), [("nobody-knows", "there is no database role"), ("holdfast", "superuser")]
)
def test_a_role_that_grants_would_not_bind_is_refused_and_nothing_is_migrated(
    bare_engine: Engine, role: str, problem: str
):
    with pytest.raises(WorkerRoleUnfit, match=problem):
        upgrade(bare_engine, worker_role=role)
    with bare_engine.connect() as connection:
        found = connection.execute(text("SELECT to_regnamespace('holdfast')")).scalar_one()
    assert found is None


def test_a_role_that_may_act_as_the_owner_is_refused(postgres_url: str, template: str):
    with fresh_database(postgres_url, template) as url:
        administer(url, "CREATE ROLE {name}", name="deputy")
        try:
            administer(url, "GRANT holdfast TO {name}", name="deputy")
            with pytest.raises(WorkerRoleUnfit, match="as the owner"):
                upgrade_database(url, worker_role="deputy")
        finally:
            administer(url, "DROP ROLE {name}", name="deputy")


def test_migrate_grants_to_the_role_that_the_setting_names_and_the_worker_waits_for_it(
    operator_without_schema: Operator,
):
    url = operator_without_schema.environment["HOLDFAST_DATABASE_URL"]
    as_worker_role = {"HOLDFAST_DATABASE_URL": as_worker(url)}
    operator_without_schema.run("migrate")
    early = operator_without_schema.run("health", **as_worker_role)
    granted = operator_without_schema.run("migrate", HOLDFAST_WORKER_ROLE=WORKER_ROLE)
    ready = operator_without_schema.run("health", **as_worker_role)
    assert early.returncode == 1
    assert "HOLDFAST_WORKER_ROLE" in early.stderr
    assert f"role {WORKER_ROLE} may do a worker's work\n" in granted.stdout
    assert granted.stdout.endswith(f"role {WORKER_ROLE} carries its sessions' settings\n")
    assert (ready.returncode, ready.stderr) == (0, "")


def test_a_worker_cannot_migrate(own_database_url: str):
    with pytest.raises(LedgerUnavailable, match="may not do this"):
        upgrade_database(as_worker(own_database_url), worker_role=WORKER_ROLE)
