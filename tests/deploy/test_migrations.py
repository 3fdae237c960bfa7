"""A migration that expands the schema, while workers of the version before are at work."""

from __future__ import annotations

from typing import Final

from tests.inventory.databases import administer, as_worker, fresh_database
from tests.workflows.stage import at_work, open_stage
from worker.composition import check_schema

# What an expanding migration may do: a column that may be null, one with a default, a new table.
EXPANSION: Final = (
    "ALTER TABLE holdfast.reservations ADD COLUMN channel text",
    "ALTER TABLE holdfast.stock_items ADD COLUMN weight_grams integer NOT NULL DEFAULT 0",
    "CREATE TABLE holdfast.stock_photographs (id bigint PRIMARY KEY)",
    "UPDATE holdfast.alembic_version SET version_num = '9999'",
)


async def test_workers_of_the_version_before_go_on_beside_an_expanded_schema(
    postgres_url: str, template: str, temporal_address: str, unique: str
):
    with fresh_database(postgres_url, template) as url:
        async with open_stage(as_worker(url), temporal_address, unique) as stage, at_work(stage):
            stage.stock("MUG", 5)
            await stage.till.reserve(f"{unique}-before", {"MUG": 1})
            for statement in EXPANSION:
                administer(url, statement)
            assert (await stage.till.confirm(f"{unique}-before"))["status"] == "fulfilled"
            assert (await stage.till.reserve(f"{unique}-after", {"MUG": 1}))["status"] == "held"
            assert check_schema(stage.ledger) == "9999"
            assert stage.ledger.audit() == ()
