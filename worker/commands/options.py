"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Port = Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free port.")]

MomentOption = Annotated[
    str | None, typer.Option(help="Only movements of this time.", metavar="TIME")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
