"""The contract's page says what the code and the database say."""

from __future__ import annotations

import re
from typing import Final, get_args

import psycopg
import pytest

from activities.inventory.database.migrate import VERSION_TABLE
from activities.inventory.sql.schema import SCHEMA
from holdfast_client.contract import fields, names, outcomes
from holdfast_client.contract.messages import CheckoutRequest, Settlement, StockAdjustment
from holdfast_client.contract.outcomes import CheckoutReport
from tests.docs.pages import page
from tests.inventory.databases import fresh_database

CONTRACT: Final = page("docs/contract.md")
OUTCOMES: Final = page("docs/outcomes.md")
EXTENSION: Final = " (**extension**)"
COLUMNS: Final = """
    SELECT table_name, array_agg(column_name::text)
      FROM information_schema.columns
     WHERE table_schema = %s AND table_name <> %s
     GROUP BY table_name
"""
# Rows of other tables of the page that look like those of a table of the database.
STATUSES: Final = {"held", "denied", "fulfilled", "cancelled", "expired"}
# Beyond the first contract, which other programs may not know yet.
EXTENSIONS: Final = {
    "held_since",
    "superseded_by",
    "ends_at",
    "closing",
    "committed_at",
    "committed_by",
    "committing",
    "digest",
    "shortages",
    "operation_records",
}


def test_every_temporal_name_is_in_the_contract():
    spelled = {
        value
        for name, value in vars(names).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }
    assert [value for value in spelled if f"`{value}`" not in CONTRACT.text] == []
    for attribute, kind in names.SEARCH_ATTRIBUTE_TYPES.items():
        assert f"`{attribute}` ({kind})" in CONTRACT.text.replace("\n", " ")


def test_the_tables_and_views_of_the_contract_are_those_of_a_migrated_database(
    postgres_url: str, template: str
):
    with fresh_database(postgres_url, template) as url, psycopg.connect(url) as connection:
        found = connection.execute(COLUMNS, (SCHEMA, VERSION_TABLE)).fetchall()
    assert {name: set(columns) for name, columns in found} == _told_tables()


def test_what_goes_beyond_the_first_contract_is_marked():
    tables = " ".join(" | ".join(row) for row in _table_rows())
    assert set(re.findall(r"`(\w+)` \(\*\*extension\*\*\)", tables)) == EXTENSIONS
    assert f"`{names.ADJUSTMENT_CONFLICT}`\n(**extension**)" in CONTRACT.text


def test_the_examples_of_the_contract_are_valid_messages():
    checkout, adjustment, settlement = CONTRACT.blocks("json")
    assert CheckoutRequest.model_validate_json(checkout).checkout_id == "cart-42"
    assert StockAdjustment.model_validate_json(adjustment).kind == "receive"
    assert Settlement.model_validate_json(settlement).late == "refund"


@pytest.mark.parametrize("model", get_args(outcomes.KnownOutcome), ids=lambda model: model.__name__)
def test_every_outcome_is_told_with_its_keys_and_its_advice(model: type[outcomes.Held]):
    status = model.model_fields["status"].default
    further = [row[1] for row in CONTRACT.rows(rf"`{status}`") if row[1] != "yes"]
    told = set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", further[0])))
    assert told == set(model.model_fields) - {"status"}
    advice = OUTCOMES.rows(rf"`{status}`")
    assert [row[1] for row in advice] == [f"`{model.__name__}`"]


def test_the_report_of_the_status_query_is_told_with_its_keys():
    (row,) = CONTRACT.rows(r"`status`(?=.*)")[:1]
    assert row[1] == "query"
    assert all(f'"{key}"' in row[3] for key in CheckoutReport.model_fields)


def test_every_error_of_the_client_has_its_advice():
    told = {row[0].strip("`") for row in OUTCOMES.rows(r"`[A-Z]\w+`")}
    assert told == _error_names()


@pytest.mark.parametrize(
    "limit",
    [
        fields.CHECKOUT_ID_LENGTH_MAX,
        fields.SKU_LENGTH_MAX,
        fields.TEXT_LENGTH_MAX,
        fields.LINES_MAX,
        fields.QUANTITY_MAX,
        fields.HOLD_SECONDS_MAX,
        fields.HOLD_SECONDS_DEFAULT,
        fields.STOCK_QUANTITY_MAX,
    ],
)
def test_every_limit_of_a_field_is_told(limit: int):
    assert re.search(rf"(?<![\d,]){limit:,}(?![\d,]\d)", CONTRACT.text)


def _table_rows() -> list[list[str]]:
    return [row for row in CONTRACT.rows(r"(?:view )?`\w+`(?: \(\*\*extension\*\*\))?") if _is(row)]


def _is(row: list[str]) -> bool:
    return len(row) == 2 and ("`sku`" in row[1] or "`id`" in row[1] or "_id`" in row[1])


def _told_tables() -> dict[str, set[str]]:
    rows = {re.findall(r"`(\w+)`", row[0])[0]: row[1] for row in _table_rows()}
    columns = {name: set(re.findall(r"`(\w+)`", told)) for name, told in rows.items()}
    return {name: told for name, told in columns.items() if name not in STATUSES}


def _error_names() -> set[str]:
    from holdfast_client.contract import errors

    return {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.HoldfastError)
    }
