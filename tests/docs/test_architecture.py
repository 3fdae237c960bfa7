"""The page for whoever comes next names files that are there, and draws rooms that it explains."""

from __future__ import annotations

import ast
import re
from statistics import median
from typing import Final

from tests.docs.pages import ROOT, page

PAGE: Final = page("docs/architecture.md")
SPAN: Final = re.compile(r"`([\w./-]+)`")
ROOMS: Final = ("client", "activities", "workflows", "worker", "docs")
PROGRAMS: Final = (
    *("activities", "benchmarks", "client", "examples", "schemas", "soak", "tests"),
    *("worker", "workflows"),
)
FILE_LINES_MAX: Final = 400
BODY_LINES_MAX: Final = 45
PRODUCT: Final = ("client", "activities", "workflows", "worker")
BODY_LINES_MEDIAN_MAX: Final = 5
LEDGER: Final = ROOT / "activities/inventory"


def named() -> list[str]:
    """Return the paths that the page names: with a room of the root before the first slash."""
    return [name for name in SPAN.findall(PAGE.text) if name.split("/")[0] in ROOMS]


def test_every_file_and_folder_that_is_named_exists():
    names = named()
    assert len(names) > 40  # else the page is read wrong
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_every_room_of_the_ledger_is_on_the_page():
    rooms = {entry.name for entry in LEDGER.iterdir() if entry.is_dir()} - {"__pycache__"}
    rows = {name.strip("`/") for cells in PAGE.rows(r"`.*`") for name in cells[0].split(", ")}
    files = {entry.name for entry in LEDGER.glob("*.py")} - {"__init__.py"}
    assert rooms | files <= {row.strip("`/") for row in rows}


def test_no_file_and_no_body_of_a_function_is_too_long_to_be_read_at_once():
    sources = [path for room in PROGRAMS for path in (ROOT / room).rglob("*.py")]
    assert len(sources) > 500  # else the rooms are named wrong
    texts = {path: path.read_text("utf-8") for path in sources if ".venv" not in path.parts}
    too_long = [str(path) for path, text in texts.items() if text.count("\n") > FILE_LINES_MAX]
    too_long += [
        f"{path}: {found.name}"
        for path, text in texts.items()
        for found in ast.walk(ast.parse(text))
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
        and _body_lines(found) > BODY_LINES_MAX
    ]
    assert too_long == []


def test_half_of_all_bodies_are_short():
    bodies = [
        _body_lines(found)
        for room in PRODUCT
        for path in (ROOT / room).rglob("*.py")
        for found in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(bodies) > 1_500  # else the rooms are named wrong
    assert median(bodies) <= BODY_LINES_MEDIAN_MAX


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    told = ast.get_docstring(function, clean=False) is not None and len(function.body) > 1
    first, last = function.body[1 if told else 0], function.body[-1]
    return int(last.end_lineno or 0) - first.lineno + 1


def test_the_picture_shows_what_the_table_explains():
    (drawing,) = PAGE.blocks("mermaid")
    drawn = set(re.findall(r"^ *(\w+)|(?:-->|->) (\w+)", drawing, re.MULTILINE))
    nodes = {name for pair in drawn for name in pair if name} - {"flowchart", "shop"}
    explained = {cells[0] for cells in PAGE.rows(r"\w+")} - {"name", "room"}
    assert explained == nodes - {"temporal", "postgres"}
