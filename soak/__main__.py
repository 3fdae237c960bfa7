"""``python -m soak``: the chaos run.

Exit codes: 0 no violation, 1 a violation, 2 wrong usage.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from holdfast_client.terminal.ending import end_process
from soak.run import SHOPPERS_DEFAULT, soak
from worker.logs import configure_logs

MINUTES_DEFAULT: Final = 2.0
_SEED_MAX: Final = 1_000_000


def main(
    minutes: Annotated[float, typer.Option(min=0.1, max=10_000)] = MINUTES_DEFAULT,
    seed: Annotated[int | None, typer.Option(help="As an earlier run printed it.")] = None,
    shoppers: Annotated[int, typer.Option(min=1, max=200)] = SHOPPERS_DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Let shoppers shop while faults strike, then check that every promise was kept."""
    configure_logs("error", "text")
    chosen = secrets.randbelow(_SEED_MAX) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="holdfast-soak-") as directory:
        figures = asyncio.run(
            soak(
                Path(directory), minutes=minutes, seed=chosen, announce=_announce, shoppers=shoppers
            )
        )
    print(json.dumps(figures.document()) if as_json else "\n".join(figures.lines()), flush=True)
    raise typer.Exit(1 if figures.violations else 0)


def _announce(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SystemExit as end:
        end_process(end.code if isinstance(end.code, int) else 0)
