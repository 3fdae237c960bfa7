"""The table of settings is what the worker reads: names, defaults and ranges."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from tests.docs.pages import page
from worker.settings import PREFIX, Settings


def test_the_table_of_settings_is_what_the_worker_reads():
    rows = page("docs/operations.md").rows(rf"`{PREFIX}\w+`")
    told = {row[0].strip("`"): (row[1], row[2]) for row in rows}
    assert told == {
        f"{PREFIX}{name.upper()}": (_default(field), _range(field))
        for name, field in Settings.model_fields.items()
    }


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else str(field.default)


def _range(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(get_args(annotation))
    lowest = [bound.ge for bound in field.metadata if isinstance(bound, Ge)]
    highest = [bound.le for bound in field.metadata if isinstance(bound, Le)]
    return f"{lowest[0]:,} to {highest[0]:,}" if lowest and highest else ""
