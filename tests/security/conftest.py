"""The tools of the worker's tests, and stages on which payloads are encrypted."""

from __future__ import annotations

from tests.worker.conftest import (
    ledger,
    operator,
    operator_without_schema,
    own_database_url,
    own_temporal,
)
from tests.workflows.conftest import session_database_url

__all__ = [
    "ledger",
    "operator",
    "operator_without_schema",
    "own_database_url",
    "own_temporal",
    "session_database_url",
]
