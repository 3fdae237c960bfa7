"""``python -m benchmarks``: prints a table of figures, or with ``--json`` one document."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.figures import Figure, measure
from holdfast_client.cli.ending import end_process
from holdfast_client.cli.screen import Screen
from holdfast_client.cli.sheet import Sheet, Table
from worker.logs import configure_logs

CHECKOUTS_DEFAULT = 200


def main(
    orders: Annotated[Path | None, typer.Option(help="An order file to replay as well.")] = None,
    checkouts: Annotated[int, typer.Option(min=10, max=100_000)] = CHECKOUTS_DEFAULT,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure, say what is being measured on stderr, and print the figures."""
    configure_logs("error", "text")
    figures = asyncio.run(measure(checkouts, orders, announce=_announce))
    Screen(as_json=as_json).show({figure.name: figure.value for figure in figures}, _sheet(figures))
    if not as_json:
        print(json.dumps({figure.name: figure.value for figure in figures}), file=sys.stderr)


def _sheet(figures: list[Figure]) -> Sheet:
    rows = tuple((figure.name, f"{figure.value:g}", figure.unit) for figure in figures)
    return Sheet("Figures of this run.", (), (Table("figure", ("figure", "value", "unit"), rows),))


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SystemExit as end:
        end_process(end.code if isinstance(end.code, int) else 0)
