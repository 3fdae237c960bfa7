"""The commands of ``holdfast``, and how errors of all kinds leave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, get_args

import typer

from holdfast_client import __version__
from holdfast_client.cli import checkout_sheet as sheet
from holdfast_client.cli import exit_codes
from holdfast_client.cli.adjust_command import adjust
from holdfast_client.cli.amend_command import amend
from holdfast_client.cli.arguments import parse_lines
from holdfast_client.cli.holds_command import holds
from holdfast_client.cli.parts_commands import fulfil, release
from holdfast_client.cli.refunds_command import list_refunds, refund_done
from holdfast_client.cli.replay.command import replay
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
from holdfast_client.contract.errors import HoldfastError
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT, HOLD_SECONDS_MAX
from holdfast_client.contract.messages import Late, Settle
from holdfast_client.contract.outcomes import CheckoutStatus, Committed, RefundDue
from holdfast_client.contract.summaries import LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX
from holdfast_client.terminal import command_line, options
from holdfast_client.terminal.command_line import Commands, Failure, Program
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.moments import parse_moment
from holdfast_client.terminal.record_options import ActorOption, CheckoutArgument, ReasonOption

commands = Commands(
    help="Reserve stock for a checkout; then confirm, extend or cancel it, or ship it in parts.\n\n"
    "Exit code: 0 done, 1 refused, 2 wrong usage, 3 unreachable or unknown,\n4 nothing to do.",
)

# What the client lists by, in the one flat form that typer reads.
ListedStatus = Literal[CheckoutStatus, "interrupted"]
_LISTED: Final = (*get_args(CheckoutStatus), "interrupted")


def run(arguments: Sequence[str], *, connect: Connect | None) -> int:
    """Run one command; see :func:`holdfast_client.cli.main`."""
    session = Session(Settings(), connect or connect_to_temporal)
    if not arguments:
        command_line.run(_PROGRAM, ["--help"], session)
        return ExitCode.USAGE
    return command_line.run(_PROGRAM, arguments, session)


@commands.callback()
def _globals(
    context: typer.Context,
    *,
    address: AddressOption = None,
    namespace: NamespaceOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
    version: Annotated[bool, options.version(__version__)] = False,  # noqa: ARG001 its callback answers
) -> None:
    outer: Session = context.obj
    settings = settings_from(outer.settings, address, namespace, timeout, as_json)
    context.obj = Session(settings, outer.connect)


@commands.command()
@with_session
def reserve(
    session: Session,
    checkout: CheckoutArgument,
    lines: Annotated[
        list[str],
        options.argument("What to hold: SKU=QTY or SKU@LOCATION=QTY.", "SKU=QTY"),
    ],
    *,
    hold: Annotated[
        int, options.whole_seconds("How long to hold it,", 1, HOLD_SECONDS_MAX)
    ] = HOLD_SECONDS_DEFAULT,
    customer: Annotated[str | None, options.text("Who buys.", "ID")] = None,
    cart: Annotated[str | None, options.text("The cart it comes from.", "ID")] = None,
    supersedes: Annotated[
        str | None,
        options.text("A checkout of the same customer or cart whose units it takes over.", "ID"),
    ] = None,
) -> ExitCode:
    """Hold all lines of a checkout, or none.

    Asking again with the same id is safe and answers where the checkout stands.
    """
    wanted = parse_lines(lines)
    outcome = session.ask(
        lambda client: client.reserve(
            checkout,
            wanted,
            hold_seconds=hold,
            customer_id=customer,
            cart_id=cart,
            supersedes=supersedes,
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"held", "committed", "fulfilled"})


@commands.command()
@with_session
def confirm(
    session: Session,
    checkout: CheckoutArgument,
    payment_reference: Annotated[
        str, options.argument("The payment's own id.", "PAYMENT_REFERENCE")
    ],
    *,
    settle: Annotated[
        Settle,
        options.text(
            "fulfil it, so that its stock is sold; or commit it, to be shipped later.",
            "fulfil|commit",
        ),
    ] = "fulfil",
    late: Annotated[
        Late | None,
        options.text(
            "Of a hold that is over: refund, or reinstate it if all of it can be had.",
            "refund|reinstate",
        ),
    ] = None,
    actor: ActorOption = "",
) -> ExitCode:
    """Say that a checkout is paid: its stock is sold, or kept for it until it is shipped."""
    outcome = session.ask(
        lambda client: client.confirm(
            checkout, payment_reference, settle=settle, late=late, actor=actor
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    # A second payment did not do what was hoped for: it is due back.
    is_second = isinstance(outcome, Committed) and outcome.duplicate_payment
    if is_second or isinstance(outcome, RefundDue):
        return ExitCode.REFUSED
    return exit_codes.of_status(outcome.status, {"committed", "fulfilled"})


@commands.command()
@with_session
def extend(
    session: Session,
    checkout: CheckoutArgument,
    seconds: Annotated[
        int,
        options.whole_seconds_argument(
            "How much longer to hold it, such as 10m;", 1, HOLD_SECONDS_MAX
        ),
    ],
    *,
    reason: ReasonOption = "",
    actor: ActorOption = "",
    extension_id: Annotated[
        str | None,
        options.text("Names this one extension: asked again with the same, it is made once.", "ID"),
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


@commands.command()
@with_session
def cancel(
    session: Session,
    checkout: CheckoutArgument,
    reason: ReasonOption = "",
    actor: ActorOption = "",
) -> ExitCode:
    """Give a hold back, or what is open of a committed checkout."""
    outcome = session.ask(lambda client: client.cancel(checkout, reason=reason, actor=actor))
    session.screen.show(outcome.model_dump(mode="json"), sheet.outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"cancelled"})


@commands.command()
@with_session
def status(session: Session, checkout: CheckoutArgument) -> ExitCode:
    """Show where a checkout stands and how it came there."""
    report = session.ask(lambda client: client.status(checkout))
    session.screen.show(report.model_dump(mode="json"), sheet.report_sheet(report))
    return ExitCode.DONE


@commands.command()
@with_session
def timeline(session: Session, checkout: CheckoutArgument) -> ExitCode:
    """Tell what became of a checkout, from the database, however old it is."""
    told = session.ask(lambda client: client.timeline(checkout))
    session.screen.show(told.model_dump(mode="json"), sheet.timeline_sheet(told))
    return ExitCode.DONE


@commands.command("list")
@with_session
def list_checkouts(
    session: Session,
    *,
    status: Annotated[
        ListedStatus | None,
        options.text(f"Only checkouts that stand so: {', '.join(_LISTED)}.", "STATUS"),
    ] = None,
    customer: Annotated[str | None, options.text("Only this buyer's.", "ID")] = None,
    cart: Annotated[str | None, options.text("Only this cart's.", "ID")] = None,
    sku: Annotated[str | None, options.text("Only those with this SKU.", "SKU")] = None,
    started_after: Annotated[
        str | None,
        options.text("Such as 2026-01-31T09:00:00+01:00, or a day.", "TIME"),
    ] = None,
    started_before: Annotated[
        str | None,
        options.text("Such as 2026-01-31T09:00:00+01:00, or a day.", "TIME"),
    ] = None,
    limit: Annotated[
        int, options.whole_number("At most so many,", 1, LIST_LIMIT_MAX)
    ] = LIST_LIMIT_DEFAULT,
) -> ExitCode:
    """List checkouts: the open ones, the latest first, then the latest to close."""
    after = parse_moment("started_after", started_after)
    before = parse_moment("started_before", started_before)
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
    if len(found) == limit:
        session.screen.note(f"only the first {limit:,} are shown; there may be more")
    if any(summary.status == "interrupted" for summary in found):
        session.screen.note(
            "interrupted: the workflow was terminated or failed, and this list goes by workflows; "
            "`holdfast status CHECKOUT` tells what became of the stock"
        )
    return ExitCode.DONE


# A negative quantity must not be taken for an option.
commands.command(context_settings={"ignore_unknown_options": True})(with_session(adjust))
commands.command()(with_session(amend))
commands.command()(with_session(fulfil))
commands.command()(with_session(holds))
commands.command()(with_session(release))
commands.command()(with_session(replay))
refunds = Commands(
    help="Payments that are due back: list them, and say which have gone back.",
    no_args_is_help=True,
)
refunds.command("list")(with_session(list_refunds))
refunds.command("done")(with_session(refund_done))
commands.add_typer(refunds, name="refunds")
commands.command()(with_session(views))


def _expected(error: Exception) -> Failure | None:
    if isinstance(error, HoldfastError):
        # One line for each error, whatever a server put into its message.
        return Failure(exit_codes.of_error(error), " ".join(str(error).split()))
    return None


_PROGRAM: Final = Program("holdfast", commands, _expected)
