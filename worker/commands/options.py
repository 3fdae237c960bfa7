"""Options that several commands take."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import TypeAdapter, ValidationError

from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.fields import Location, Sku
from holdfast_client.terminal import options
from holdfast_client.terminal.moments import exact_text

_SKU: Final[TypeAdapter[str]] = TypeAdapter(Sku)
_LOCATION: Final[TypeAdapter[str]] = TypeAdapter(Location)


def sku_argument(help: str) -> Any:
    """Return an argument that takes a SKU, or several, each in its one spelling."""
    return typer.Argument(parser=_sku, metavar="SKU", help=help)


def sku_option(help: str) -> Any:
    """Return an option that takes a SKU in its one spelling."""
    return typer.Option(parser=_sku, metavar="SKU", help=help)


def location_option(help: str) -> Any:
    """Return an option that takes a location in its one spelling."""
    return typer.Option(parser=_location, metavar="NAME", help=help)


def check_not_later(option: str, moment: datetime, now: datetime) -> None:
    """Raise InvalidRequest, which names the option, where a time is after the database's now."""
    if moment > now:
        raise InvalidRequest(option, f"is later than the database's clock, {exact_text(now)}")


def directory_option(help: str) -> Any:
    """Return an option that takes a directory; an empty name would be the current one."""
    return typer.Option(parser=_directory, metavar="DIR", help=help)


def _directory(named: str | Path) -> Path:
    if not str(named).strip():
        raise InvalidRequest("", "the directory has no name; write . for the current one")
    return Path(named)


def _sku(text: str) -> str:
    return _spelled(_SKU, text)


def _location(text: str) -> str:
    return _spelled(_LOCATION, text)


def _spelled(kind: TypeAdapter[str], text: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


Port = Annotated[int, options.whole_number("0 takes any free port;", 0, 65_535)]

MomentOption = Annotated[
    str | None,
    options.text(
        "Only movements of this time, such as 2026-01-31T09:00:00+01:00, or a day.", "TIME"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
