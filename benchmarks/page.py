"""The written page: its figures come from the record, between marks that name them.

``<!-- figures: checkouts -->`` begins what is filled in, ``<!-- end of figures -->`` ends it. The
names are those of the cases, ``machine`` and ``bars``. Everything else is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from benchmarks.case import Case
from benchmarks.layout import Table, bars_table, machine_lines, page_table
from benchmarks.results import CaseResult, RunResult

_END: Final = "<!-- end of figures -->"
_BLOCK: Final = re.compile(
    rf"(?P<mark><!-- figures: (?P<name>[a-z-]+) -->\n).*?{re.escape(_END)}", re.DOTALL
)
_NOT_MEASURED: Final = "Not measured yet.\n"


def filled(page: str, result: RunResult, cases: Sequence[Case]) -> str:
    """Return the page with the figures of a run between its marks."""
    by_name = {case.name: case for case in cases}

    def block(match: re.Match[str]) -> str:
        return f"{match['mark']}{_block(match['name'], result, by_name)}{_END}"

    return _BLOCK.sub(block, page)


def block_names(page: str) -> list[str]:
    """Return the names of what the page has filled in."""
    return [match["name"] for match in _BLOCK.finditer(page)]


def _block(name: str, result: RunResult, cases: dict[str, Case]) -> str:
    if name == "machine":
        return "".join(f"- {line}\n" for line in machine_lines(result))
    if name == "bars":
        return _markdown(bars_table(result.bars()))
    measured = result.case(name)
    if measured is None or name not in cases:
        return _NOT_MEASURED
    return f"{_when(measured)}\n\n{_markdown(page_table(cases[name], measured))}\n"


def _markdown(table: Table) -> str:
    rule = ["---"] * table.words + ["---:"] * (len(table.columns) - table.words)
    return "".join(f"|{'|'.join(row)}|\n" for row in (table.columns, rule, *table.rows))


def _when(measured: CaseResult) -> str:
    how = "" if measured.scale == "full" else f", a {measured.scale} run"
    return f"Measured on {measured.date}{how}."
