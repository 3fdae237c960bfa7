"""The help of both command lines, read as somebody who does not know the language it is in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer.main

from holdfast_client.cli.app import commands
from holdfast_client.terminal.command_line import Commands
from worker.commands import app

PROGRAMS = {"holdfast": commands, "python -m worker": app}


def _commands_of(name: str, command: object, context: object = None) -> Iterator[tuple[str, str]]:
    """Yield each command of a program with its help."""
    inner = typer.Context(command, info_name=name, parent=context, max_content_width=80)  # type: ignore[arg-type]
    yield inner.command_path, command.get_help(inner)  # type: ignore[attr-defined]
    for word, child in getattr(command, "commands", {}).items():
        yield from _commands_of(word, child, inner)


def _helps() -> dict[str, str]:
    return {
        path: text
        for name, program in PROGRAMS.items()
        for path, text in _commands_of(name, typer.main.get_command(program))
    }


@pytest.mark.parametrize(("path", "text"), _helps().items())
def test_no_help_speaks_of_types_or_stops_in_a_sentence(path: str, text: str) -> None:
    assert not re.search(r"<[a-z]+( range)?>|list\[|<=x|x>=", text), text
    assert "..." not in text.partition("Commands:")[2], text
    assert "│" not in text


def test_both_programs_are_looked_at() -> None:
    assert {"holdfast replay", "python -m worker stock load"} <= set(_helps())


def test_every_command_is_one_of_the_shared_kind() -> None:
    assert all(isinstance(program, Commands) for program in PROGRAMS.values())
