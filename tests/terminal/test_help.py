"""The help of both command lines, read as somebody who does not know the language it is in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import typer.main
from typer.testing import CliRunner

from holdfast_client import __version__
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


@pytest.mark.parametrize("program", PROGRAMS)
def test_both_programs_tell_their_exit_codes(program: str) -> None:
    told = " ".join(_helps()[program].split())
    codes = re.findall(r"\b(\d) [a-z]", told.partition("Exit code: ")[2].partition(" Options:")[0])
    assert codes == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_both_programs_tell_their_version(program: str) -> None:
    told = CliRunner().invoke(PROGRAMS[program], ["--version"])
    assert (told.exit_code, told.output) == (0, f"holdfast {__version__}\n")


def test_the_default_of_a_duration_has_its_unit() -> None:
    helps = _helps()
    told = {path: " ".join(text.split()) for path, text in helps.items() if "DURATION" in text}
    for text in told.values():
        assert not re.search(r"DURATION [^-]*\[default: [0-9.]+\]", text), text
    assert "[default: 15m]" in told["holdfast reserve"]
    assert "[default: 30s]" in told["holdfast replay"]
    assert "[default: 0s]" in told["python -m worker overdue"]


def test_both_programs_are_looked_at() -> None:
    assert {"holdfast replay", "python -m worker stock load"} <= set(_helps())


def test_every_command_is_one_of_the_shared_kind() -> None:
    assert all(isinstance(program, Commands) for program in PROGRAMS.values())
