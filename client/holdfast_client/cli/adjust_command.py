"""The command ``adjust``: change a stock item, once for its id."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast_client.cli.adjustment_sheet import adjustment_sheet, refusal_words
from holdfast_client.cli.session import Session
from holdfast_client.contract.errors import InvalidRequest
from holdfast_client.contract.messages import AdjustmentKind
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.contract.outcomes import AdjustmentApplied, UnknownOutcome
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.numbers import parse_whole_number
from holdfast_client.terminal.record_options import ActorOption, ReasonOption


def adjust(
    session: Session,
    adjustment: Annotated[str, options.argument("Id of this one change.", "ADJUSTMENT")],
    sku: Annotated[str, options.argument("Of what.", "SKU")],
    kind: Annotated[
        AdjustmentKind,
        options.argument(
            "receive adds, adjust adds or subtracts, count sets the total; deactivate takes it "
            "out of sale, activate puts it back.",
            "receive|adjust|count|activate|deactivate",
        ),
    ],
    quantity: Annotated[
        str | None, options.argument("Such as 12, or -3; none to (de)activate.", "QUANTITY")
    ] = None,
    *,
    location: Annotated[str, options.text("Where the stock is.", "NAME")] = DEFAULT_LOCATION,
    new: Annotated[
        bool, typer.Option("--new", help="Let receive make a stock item that is not there yet.")
    ] = False,
    reason: ReasonOption = "",
    actor: ActorOption = "",
) -> ExitCode:
    """Change a stock item. The same id is applied once."""
    units = _units(kind, quantity)
    outcome = session.ask(
        lambda client: client.adjust_stock(
            adjustment, sku, kind, units, location=location, reason=reason, actor=actor, new=new
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), adjustment_sheet(adjustment, outcome))
    if isinstance(outcome, UnknownOutcome):
        return ExitCode.UNKNOWN
    if isinstance(outcome, AdjustmentApplied):
        if new and not outcome.created:
            session.screen.note(f"{outcome.sku} was there already, so --new was not needed")
        return ExitCode.DONE
    session.screen.note(refusal_words(outcome, kind))
    return ExitCode.REFUSED


def _units(kind: AdjustmentKind, quantity: str | None) -> int:
    if quantity is not None:
        return parse_whole_number("quantity", quantity)
    if kind in {"activate", "deactivate"}:
        return 0
    raise InvalidRequest("quantity", f"is missing: how many units to {kind}")
