"""The commands of ``holdfast``, and how errors of all kinds leave it."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from holdfast_client.cli import exit_codes, sheet
from holdfast_client.cli.arguments import parse_lines, parse_time, parse_whole_number
from holdfast_client.cli.exit_codes import ExitCode
from holdfast_client.cli.replay_command import replay
from holdfast_client.cli.screen import Screen
from holdfast_client.cli.session import (
    AddressOption,
    Connect,
    JsonOption,
    NamespaceOption,
    Session,
    Settings,
    TimeoutOption,
    connect_to_temporal,
    settings_from,
    with_session,
)
from holdfast_client.cli.views_command import views
from holdfast_client.errors import HoldfastError
from holdfast_client.fields import HOLD_SECONDS_DEFAULT
from holdfast_client.messages import AdjustmentKind
from holdfast_client.names import DEFAULT_LOCATION
from holdfast_client.outcomes import CheckoutStatus
from holdfast_client.summaries import LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX

_app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Reserve stock for a checkout, then confirm, extend or cancel it.\n\n"
    "Exit code: 0 done, 1 refused, 2 wrong usage, 3 unreachable or unknown,\n4 nothing to do.",
)

# What the client lists by, in the one flat form that typer reads.
ListedStatus = Literal[CheckoutStatus, "interrupted"]

CheckoutArgument = Annotated[
    str, typer.Argument(help="Id of one attempt to buy.", metavar="CHECKOUT")
]
ReasonOption = Annotated[str, typer.Option(help="Why; kept with the checkout.")]
ActorOption = Annotated[str, typer.Option(help="Who asks for it; kept with the checkout.")]


def run(arguments: Sequence[str], *, connect: Connect | None) -> int:
    """Run one command; see :func:`holdfast_client.cli.main`."""
    _never_fail_to_encode()
    screen = _screen_for(arguments)
    session = Session(Settings(), connect or connect_to_temporal)
    if not arguments:
        _app(["--help"], prog_name="holdfast", standalone_mode=False, obj=session)
        return ExitCode.USAGE
    try:
        code: int = _app(list(arguments), prog_name="holdfast", standalone_mode=False, obj=session)
    except HoldfastError as error:
        screen.fail(type(error).__name__, str(error), field=getattr(error, "field", ""))
        return exit_codes.of_error(error)
    except typer.TyperException as error:
        return _usage(screen, error)
    except OSError as error:
        screen.fail("SystemError", f"the system refused: {error}")
        return ExitCode.UNKNOWN
    return code


@_app.callback()
def _globals(
    context: typer.Context,
    address: AddressOption = None,
    namespace: NamespaceOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    outer: Session = context.obj
    settings = settings_from(outer.settings, address, namespace, timeout, as_json)
    context.obj = Session(settings, outer.connect)


@_app.command()
@with_session
def reserve(
    session: Session,
    checkout: CheckoutArgument,
    lines: Annotated[
        list[str],
        typer.Argument(help="What to hold: SKU=QTY or SKU@LOCATION=QTY.", metavar="SKU=QTY..."),
    ],
    *,
    hold: Annotated[
        int, typer.Option(help="How long to hold it, 1 to 86400.", metavar="SECONDS")
    ] = HOLD_SECONDS_DEFAULT,
    customer: Annotated[str | None, typer.Option(help="Who buys.", metavar="ID")] = None,
    cart: Annotated[str | None, typer.Option(help="The cart it comes from.", metavar="ID")] = None,
) -> ExitCode:
    """Hold all lines of a checkout, or none.

    Asking again with the same id is safe and answers where the checkout stands.
    """
    wanted = parse_lines(lines)
    outcome = session.ask(
        lambda client: client.reserve(
            checkout, wanted, hold_seconds=hold, customer_id=customer, cart_id=cart
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"held", "fulfilled"})


@_app.command()
@with_session
def confirm(
    session: Session,
    checkout: CheckoutArgument,
    payment_reference: Annotated[str, typer.Argument(help="The payment's own id.")],
    actor: ActorOption = "",
) -> ExitCode:
    """Say that a checkout is paid: its stock is sold."""
    outcome = session.ask(lambda client: client.confirm(checkout, payment_reference, actor=actor))
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"fulfilled"})


@_app.command()
@with_session
def extend(
    session: Session,
    checkout: CheckoutArgument,
    seconds: Annotated[int, typer.Argument(help="How much longer to hold it, 1 to 86400.")],
    *,
    reason: ReasonOption = "",
    actor: ActorOption = "",
    extension_id: Annotated[
        str | None,
        typer.Option(help="Names this one extension: asked again with the same, it is made once."),
    ] = None,
) -> ExitCode:
    """Move the deadline of a live hold."""
    outcome = session.ask(
        lambda client: client.extend(
            checkout, seconds, reason=reason, actor=actor, extension_id=extension_id
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    return ExitCode.DONE


@_app.command()
@with_session
def cancel(
    session: Session,
    checkout: CheckoutArgument,
    reason: ReasonOption = "",
    actor: ActorOption = "",
) -> ExitCode:
    """Give a hold back before it is paid."""
    outcome = session.ask(lambda client: client.cancel(checkout, reason=reason, actor=actor))
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"cancelled"})


@_app.command()
@with_session
def status(session: Session, checkout: CheckoutArgument) -> ExitCode:
    """Show where a checkout stands and how it came there."""
    report = session.ask(lambda client: client.status(checkout))
    session.screen.show(report.model_dump(mode="json"), sheet.report_sheet(report))
    return ExitCode.DONE


@_app.command()
@with_session
def timeline(session: Session, checkout: CheckoutArgument) -> ExitCode:
    """Tell the story of a checkout from the database, also when Temporal has forgotten it."""
    told = session.ask(lambda client: client.timeline(checkout))
    session.screen.show(told.model_dump(mode="json"), sheet.timeline_sheet(told))
    return ExitCode.DONE


@_app.command("list")
@with_session
def list_checkouts(
    session: Session,
    *,
    status: Annotated[
        ListedStatus | None, typer.Option(help="Only checkouts that stand so.")
    ] = None,
    customer: Annotated[str | None, typer.Option(help="Only this buyer's.", metavar="ID")] = None,
    cart: Annotated[str | None, typer.Option(help="Only this cart's.", metavar="ID")] = None,
    sku: Annotated[str | None, typer.Option(help="Only those with this SKU.")] = None,
    started_after: Annotated[
        str | None, typer.Option(help="Such as 2026-01-31T09:00:00Z.", metavar="TIME")
    ] = None,
    started_before: Annotated[
        str | None, typer.Option(help="Such as 2026-01-31T10:00:00Z.", metavar="TIME")
    ] = None,
    limit: Annotated[
        int, typer.Option(help=f"At most so many, 1 to {LIST_LIMIT_MAX}.")
    ] = LIST_LIMIT_DEFAULT,
) -> ExitCode:
    """List checkouts, the latest first."""
    after = parse_time("started_after", started_after)
    before = parse_time("started_before", started_before)
    found = session.ask(
        lambda client: client.list(
            status=status,
            customer_id=customer,
            cart_id=cart,
            sku=sku,
            started_after=after,
            started_before=before,
            limit=limit,
        )
    )
    session.screen.show(
        [summary.model_dump(mode="json") for summary in found], sheet.summaries_sheet(found)
    )
    return ExitCode.DONE


# A negative quantity must not be taken for an option.
@_app.command(context_settings={"ignore_unknown_options": True})
@with_session
def adjust(
    session: Session,
    adjustment: Annotated[str, typer.Argument(help="Id of this one change.")],
    sku: Annotated[str, typer.Argument()],
    kind: Annotated[
        AdjustmentKind,
        typer.Argument(help="receive adds, adjust adds or subtracts, count sets the total."),
    ],
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="Such as 12, or -3.")],
    *,
    location: Annotated[str, typer.Option(help="Where the stock is.")] = DEFAULT_LOCATION,
    reason: ReasonOption = "",
    actor: ActorOption = "",
) -> ExitCode:
    """Change the total of a stock item. The same id is applied once."""
    units = parse_whole_number("quantity", quantity)
    outcome = session.ask(
        lambda client: client.adjust_stock(
            adjustment, sku, kind, units, location=location, reason=reason, actor=actor
        )
    )
    session.screen.show(
        outcome.model_dump(mode="json"), sheet.adjustment_sheet(adjustment, outcome)
    )
    return ExitCode.DONE if outcome.status == "applied" else ExitCode.REFUSED


_app.command()(with_session(replay))
_app.command()(with_session(views))


def _screen_for(arguments: Sequence[str]) -> Screen:
    """Return the screen for errors, which may come before the options are understood."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return Screen(as_json="--json" in options)


def _usage(screen: Screen, error: typer.TyperException) -> ExitCode:
    """Show a wrong usage in one line that says where to read on."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "holdfast"
    problem = error.format_message().rstrip(".")
    end = "" if problem.endswith("?") else "."
    screen.fail("UsageError", f"{problem}{end} See '{command} --help'")
    return ExitCode.USAGE


def _never_fail_to_encode() -> None:
    """Let a name that the terminal's encoding lacks be shown escaped, not end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
