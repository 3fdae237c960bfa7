"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast_client.terminal import options

Port = Annotated[int, options.whole_number("0 takes any free port;", 0, 65_535)]

MomentOption = Annotated[
    str | None,
    options.text(
        "Only movements of this time, such as 2026-01-31T09:00:00+01:00, or a day.", "TIME"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
