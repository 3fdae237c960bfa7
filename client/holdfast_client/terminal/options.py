"""Options and arguments: one way to type, describe and refuse numbers, shares and durations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import typer

from holdfast_client.terminal.durations import (
    check_duration,
    duration_range,
    parse_duration,
    parse_seconds,
)
from holdfast_client.terminal.numbers import (
    parse_decimal,
    parse_whole_number,
    range_words,
)

# What stands for a duration in a help.
DURATION: Final = "DURATION"

Number = TypeVar("Number", int, float)


def text(help: str, metavar: str = "TEXT") -> Any:
    """Return an option that takes a text, or whatever else its type says."""
    return typer.Option(metavar=metavar, help=help)


def version(number: str) -> Any:
    """Return an option that tells the version, whatever else there is."""

    def show(is_wanted: bool) -> None:
        if is_wanted:
            print(f"holdfast {number}")
            raise typer.Exit

    return typer.Option(
        "--version", help="Print the version, and nothing else.", is_eager=True, callback=show
    )


def argument(help: str, metavar: str) -> Any:
    """Return an argument that takes a text, or whatever else its type says."""
    return typer.Argument(metavar=metavar, help=help)


def whole_number(
    help: str, least: int | None = None, most: int | None = None, metavar: str = "N"
) -> Any:
    """Return an option that takes a whole number in a range, whose ends are in it."""

    def parse(text: str) -> int:
        return parse_whole_number("", text, least, most)

    return typer.Option(
        parser=_typed(parse), metavar=metavar, help=f"{help} {range_words(least, most)}."
    )


def whole_number_argument(help: str, least: int, most: int, metavar: str = "N") -> Any:
    """Return an argument that takes a whole number in a range, whose ends are in it."""

    def parse(text: str) -> int:
        return parse_whole_number("", text, least, most)

    return typer.Argument(
        parser=_typed(parse), metavar=metavar, help=f"{help} {range_words(least, most)}."
    )


def share(help: str, most: float = 1.0) -> Any:
    """Return an option that takes a number such as 0.1, from 0 on."""

    def parse(text: str) -> float:
        return parse_decimal("", text, 0, most)

    return typer.Option(
        parser=_typed(parse), metavar="SHARE", help=f"{help} {range_words(0, most)}."
    )


def duration(help: str, least: float = 0.0, most: float | None = None) -> Any:
    """Return an option that takes a duration in a range of seconds, whose ends are in it."""

    def parse(text: str) -> float:
        seconds = parse_duration("", text)
        check_duration("", text, seconds, least, most)
        return seconds

    return typer.Option(parser=_typed(parse), metavar=DURATION, help=help)


def whole_seconds(help: str, least: int, most: int) -> Any:
    """Return an option that takes whole seconds as a duration in a range, whose ends are in it."""
    parse = _whole_seconds(least, most)
    help = f"{help} {duration_range(least, most)}."
    return typer.Option(parser=_typed(parse), metavar=DURATION, help=help)


def whole_seconds_argument(help: str, least: int, most: int) -> Any:
    """Return an argument that takes whole seconds as a duration in a range."""
    parse = _whole_seconds(least, most)
    help = f"{help} {duration_range(least, most)}."
    return typer.Argument(parser=_typed(parse), metavar=DURATION, help=help)


def _whole_seconds(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        seconds = parse_seconds("", text)
        check_duration("", text, seconds, least, most)
        return seconds

    return parse


def _typed(parse: Callable[[str], Number]) -> Callable[[Any], Number]:
    """Return the parser that lets a default, which is no text, pass as it is."""
    return lambda value: parse(value) if isinstance(value, str) else value
