"""One command's dealings with the server: its settings, its connection, its answer."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Final, TypeVar

import typer

from holdfast_client.methods.reservations import Reservations
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.screen import Screen

TIMEOUT_SECONDS_DEFAULT: Final = 15.0
_TIMEOUT_SECONDS_MIN: Final = 0.1
_TIMEOUT_SECONDS_MAX: Final = 600.0

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Settings:
    """The options that every command knows. None means: as the environment says."""

    address: str | None = None
    namespace: str | None = None
    timeout_seconds: float = TIMEOUT_SECONDS_DEFAULT
    as_json: bool = False


Connect = Callable[[Settings], Awaitable[Reservations]]


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    settings: Settings
    connect: Connect

    @property
    def screen(self) -> Screen:
        """The streams, in the style that the settings ask for."""
        return Screen(as_json=self.settings.as_json)

    def ask(self, call: Callable[[Reservations], Awaitable[Answer]]) -> Answer:
        """Connect, make one call and return its answer.

        Raises:
            HoldfastError: as the client raises it.
        """

        async def connected() -> Answer:
            return await call(await self.connect(self.settings))

        return asyncio.run(connected())


async def connect_to_temporal(settings: Settings) -> Reservations:
    """Connect the real client; imported here because Temporal's SDK is slow to import."""
    from holdfast_client.client import ReservationClient  # noqa: PLC0415  # help needs no SDK

    return await ReservationClient.connect(
        settings.address,
        namespace=settings.namespace,
        answer_timeout_seconds=settings.timeout_seconds,
    )


AddressOption = Annotated[
    str | None,
    options.text("HOST:PORT of Temporal; TEMPORAL_ADDRESS if left out.", "HOST:PORT"),
]
NamespaceOption = Annotated[
    str | None,
    options.text("Temporal namespace; TEMPORAL_NAMESPACE if left out.", "NAME"),
]
TimeoutOption = Annotated[
    float | None,
    options.duration(
        f"How long to wait for an answer, 0.1s to 10m; {TIMEOUT_SECONDS_DEFAULT:g}s if left out.",
        _TIMEOUT_SECONDS_MIN,
        _TIMEOUT_SECONDS_MAX,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")
]


def settings_from(
    outer: Settings,
    address: str | None,
    namespace: str | None,
    timeout: float | None,
    as_json: bool,
) -> Settings:
    """Return the settings with those options in place of the outer ones that were given."""
    return Settings(
        address=outer.address if address is None else address,
        namespace=outer.namespace if namespace is None else namespace,
        timeout_seconds=outer.timeout_seconds if timeout is None else timeout,
        as_json=outer.as_json or as_json,
    )


def with_session(command: Callable[Concatenate[Session, ...], ExitCode]) -> Callable[..., ExitCode]:
    """Give a command its session, and the options of every command after its own name too."""

    @functools.wraps(command)
    def run(
        context: typer.Context,
        *,
        address: str | None,
        namespace: str | None,
        timeout: float | None,
        as_json: bool,
        **own: Any,
    ) -> ExitCode:
        outer: Session = context.obj
        settings = settings_from(outer.settings, address, namespace, timeout, as_json)
        session = Session(settings, outer.connect)
        try:
            return command(session, **own)
        except KeyboardInterrupt:
            session.screen.fail(
                "Interrupted",
                "interrupted; it may have been carried out, and asking again is safe",
            )
            return ExitCode.INTERRUPTED

    # typer reads the options from here.
    vars(run)["__signature__"] = _signature(command)
    return run


def _signature(command: Callable[..., Any]) -> inspect.Signature:
    own = inspect.signature(command, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    shared = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, annotation, default in (
            ("address", AddressOption, None),
            ("namespace", NamespaceOption, None),
            ("timeout", TimeoutOption, None),
            ("as_json", JsonOption, False),
        )
    ]
    return inspect.Signature([context, *list(own)[1:], *shared])
