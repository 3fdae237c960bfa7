"""The commands ``fulfil`` and ``release``: a part of a checkout leaves, or comes back."""

from __future__ import annotations

from typing import Annotated

from holdfast_client.cli import exit_codes
from holdfast_client.cli.arguments import parse_lines
from holdfast_client.cli.checkout_sheet import outcome_sheet
from holdfast_client.cli.session import Session
from holdfast_client.contract.messages import Rest
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.record_options import ActorOption, CheckoutArgument, ReasonOption


def fulfil(
    session: Session,
    checkout: CheckoutArgument,
    lines: Annotated[
        list[str] | None,
        options.argument(
            "What has left: SKU=QTY or SKU@LOCATION=QTY; all that is open if left out.",
            "SKU=QTY",
        ),
    ] = None,
    *,
    shipment_id: Annotated[
        str,
        options.text("Names this one shipment: asked again with the same, it is made once.", "ID"),
    ],
    rest: Annotated[
        Rest, options.text("What becomes of what stays: keep it, or release it.", "keep|release")
    ] = "keep",
    actor: ActorOption = "",
) -> ExitCode:
    """Say that goods of a committed checkout have left. The same shipment id counts once."""
    shipped = parse_lines(lines) if lines else None
    outcome = session.ask(
        lambda client: client.fulfil(checkout, shipment_id, shipped, rest=rest, actor=actor)
    )
    session.screen.show(outcome.model_dump(mode="json"), outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"committed", "fulfilled"})


def release(
    session: Session,
    checkout: CheckoutArgument,
    lines: Annotated[
        list[str],
        options.argument("What is given back: SKU=QTY or SKU@LOCATION=QTY.", "SKU=QTY"),
    ],
    *,
    reason: ReasonOption = "",
    actor: ActorOption = "",
    release_id: Annotated[
        str | None,
        options.text("Names this one release: asked again with the same, it is made once.", "ID"),
    ] = None,
) -> ExitCode:
    """Give a part of a hold or of a committed checkout back. All of it ends the checkout."""
    given_back = parse_lines(lines)
    outcome = session.ask(
        lambda client: client.release(
            checkout, given_back, reason=reason, actor=actor, release_id=release_id
        )
    )
    session.screen.show(outcome.model_dump(mode="json"), outcome_sheet(checkout, outcome))
    return exit_codes.of_status(outcome.status, {"held", "committed", "cancelled", "fulfilled"})
