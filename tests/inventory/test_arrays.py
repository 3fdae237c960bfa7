"""Whatever is in a text or a number, Postgres reads it from our arrays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from activities.inventory.database.arrays import array_text

# Postgres' texts hold neither the zero nor halves of characters; no field of ours does.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
WITH_MEANING = st.sampled_from(
    ["", "NULL", "null", '"', "\\", '\\"', "{", "}", "{}", ",", "a,b", " a ", "\n", "\t", "'", "%s"]
)

each_case = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@each_case
@given(values=st.lists(st.none() | TEXTS | WITH_MEANING, max_size=10))
def test_texts_are_read_as_they_were(connection: Connection, values: list[str | None]) -> None:
    read = connection.execute(text("SELECT CAST(:it AS text[])"), {"it": array_text(values)})
    assert read.scalar_one() == values


@each_case
@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=10))
def test_numbers_are_read_as_they_were(connection: Connection, values: list[int | None]) -> None:
    read = connection.execute(text("SELECT CAST(:it AS bigint[])"), {"it": array_text(values)})
    assert read.scalar_one() == values
