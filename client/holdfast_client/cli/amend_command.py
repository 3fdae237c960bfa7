"""The command ``amend``: other lines in the place of those that a checkout has."""

from __future__ import annotations

from typing import Annotated

from holdfast_client.cli import exit_codes
from holdfast_client.cli.arguments import parse_lines
from holdfast_client.cli.checkout_sheet import outcome_sheet
from holdfast_client.cli.session import Session
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.record_options import ActorOption, CheckoutArgument, ReasonOption


def amend(
    session: Session,
    checkout: CheckoutArgument,
    lines: Annotated[
        list[str],
        options.argument(
            "All that is to be open afterwards: SKU=QTY or SKU@LOCATION=QTY.", "SKU=QTY"
        ),
    ],
    *,
    revision: Annotated[
        int | None,
        options.whole_number("Of the lines they replace; those of another one stay.", 1),
    ] = None,
    reason: ReasonOption = "",
    actor: ActorOption = "",
    amendment_id: Annotated[
        str | None,
        options.text("Names this one amendment: asked again with the same, it is made once.", "ID"),
    ] = None,
) -> ExitCode:
    """Hold other lines instead: all of them, or the old ones stay. The deadline stays too."""
    wanted = parse_lines(lines)
    outcome = session.ask(
        lambda client: client.amend(
            checkout,
            wanted,
            revision=revision,
            reason=reason,
            actor=actor,
            amendment_id=amendment_id,
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"held", "committed"})
