"""A command line: how its help looks, how it runs one command, and how every failure leaves it."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand

from holdfast_client.contract.wording import duration
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.faults import told_fault
from holdfast_client.terminal.options import DURATION
from holdfast_client.terminal.screen import CLIENT_PREFIX, Screen


class Command(TyperCommand):
    """A command whose help names arguments as the usage does, without types of the language."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, each with what it is for."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            found = [
                (param, _help_record(param, ctx))
                for param in self.get_params(ctx)
                if param.param_type_name == kind
            ]
            records = [
                (param.metavar or record[0] if kind == "argument" else record[0], record[1])
                for param, record in found
                if record is not None
            ]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _help_record(param: Any, ctx: Any) -> tuple[str, str] | None:
    """Return what a help says of a parameter; the default of a duration has its units."""
    record: tuple[str, str] | None = param.get_help_record(ctx)
    if record is None or param.metavar != DURATION or param.default is None:
        return record
    default = f"[default: {duration(param.default)}]"
    return record[0], record[1].replace(f"[default: {param.default}]", default)


class Commands(typer.Typer):
    """Commands under one name. What they say is plain text, and errors are :func:`run`'s."""

    def __init__(self, *, help: str, **settings: Any) -> None:
        super().__init__(
            help=help,
            short_help=help,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            **settings,
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """Register a function as a command; its first sentence tells of it among the others."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            first = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0]
            add = super(Commands, self).command
            return add(name, cls=Command, short_help=first, **settings)(function)

        return register


@dataclass(frozen=True)
class Failure:
    """How a command failed, in words and as an exit code."""

    code: ExitCode
    message: str


@dataclass(frozen=True)
class Program:
    """One of the command lines.

    Args:
        name: as people type it.
        commands: what it can do.
        expected: what an exception means that may well happen; None for a mistake in the program.
        on_fault: told of such a mistake, beside the person and the file.
        prefix: leads each line on stderr.
    """

    name: str
    commands: Commands
    expected: Callable[[Exception], Failure | None]
    on_fault: Callable[[Exception], None] = lambda _: None
    prefix: str = CLIENT_PREFIX


def run(program: Program, arguments: Sequence[str], context: Any = None) -> int:
    """Run one command and return its exit code.

    Args:
        program: whose command it is.
        arguments: the words after the program's name.
        context: what the commands work with.
    """
    never_fail_to_encode()
    screen = Screen(as_json=_wants_json(arguments), prefix=program.prefix)
    try:
        code: int | None = program.commands(
            list(arguments), prog_name=program.name, standalone_mode=False, obj=context
        )
    except typer.TyperException as error:
        field = getattr(getattr(error, "param", None), "name", None) or ""
        screen.fail("UsageError", _usage(program, error), field=field)
        return ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough, and what was asked is done.
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001  # a person never sees a traceback
        return _fail(program, screen, error)
    return ExitCode.DONE if code is None else code


def _fail(program: Program, screen: Screen, error: Exception) -> ExitCode:
    """Tell of a failure, whether it was to be expected or not, and return its exit code."""
    failure = program.expected(error) or _refused_by_the_system(error)
    if failure is None:
        program.on_fault(error)
        screen.fail("Fault", told_fault(error))
        return ExitCode.FAULT
    kind = "SystemError" if isinstance(error, OSError) else type(error).__name__
    field, details = getattr(error, "field", ""), getattr(error, "details", None)
    screen.fail(kind, failure.message, field=field, details=details)
    return failure.code


def never_fail_to_encode() -> None:
    """Let a name that the terminal's encoding lacks be shown escaped, not end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _wants_json(arguments: Sequence[str]) -> bool:
    """Tell it from the bare words, because an error may come before they are understood."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _usage(program: Program, error: typer.TyperException) -> str:
    """Describe a wrong usage in one line that says where to read on."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else program.name
    problem = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    return f"{problem}{'' if problem.endswith('?') else '.'} See '{command} --help'"


def _refused_by_the_system(error: Exception) -> Failure | None:
    if isinstance(error, OSError):
        return Failure(ExitCode.UNKNOWN, f"the system refused: {error}")
    return None
