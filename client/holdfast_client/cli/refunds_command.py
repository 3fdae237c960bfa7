"""``holdfast refunds``: payments that are due back, and that one has gone back."""

from __future__ import annotations

from typing import Annotated, Final

from holdfast_client.cli.session import Session
from holdfast_client.contract.refunds import (
    REFUNDS_LIMIT_DEFAULT,
    REFUNDS_LIMIT_MAX,
    Refunded,
    Refunds,
)
from holdfast_client.contract.wording import counted
from holdfast_client.terminal import options
from holdfast_client.terminal.exit_codes import ExitCode
from holdfast_client.terminal.record_options import ActorOption
from holdfast_client.terminal.sheet import Column, Sheet, Table

_COLUMNS: Final = (
    "due_at",
    "payment_reference",
    "reason",
    "checkout_id",
    Column("customer_id", rank=1),
)


def list_refunds(
    session: Session,
    *,
    limit: Annotated[
        int, options.whole_number("At most so many;", 1, REFUNDS_LIMIT_MAX)
    ] = REFUNDS_LIMIT_DEFAULT,
) -> ExitCode:
    """List the payments that are due back. The oldest leads.

    Read from the database by a worker.
    """
    found = session.ask(lambda client: client.refunds(limit=limit))
    session.screen.show(found.model_dump(mode="json"), _refunds_sheet(found))
    if found.refunds_left_out:
        shown, left_out = len(found.refunds), found.refunds_left_out
        session.screen.note(
            f"only the first {shown:,} of {shown + left_out:,} are shown; ask for a larger --limit"
        )
    return ExitCode.DONE


def refund_done(
    session: Session,
    payment_reference: Annotated[
        str, options.argument("The payment that has gone back.", "PAYMENT_REFERENCE")
    ],
    actor: ActorOption = "",
) -> ExitCode:
    """Say that a payment which was due back has gone back. Moves no money."""
    refunded = session.ask(lambda client: client.refund_done(payment_reference, actor=actor))
    session.screen.show(refunded.model_dump(mode="json"), _refunded_sheet(refunded))
    return ExitCode.DONE


def _refunds_sheet(found: Refunds) -> Sheet:
    rows = tuple(
        (due.due_at, due.payment_reference, due.reason, due.checkout_id, due.customer_id)
        for due in found.refunds
    )
    headline = f"{counted(len(rows), 'payment')} due back." if rows else "No payment is due back."
    left_out = found.refunds_left_out
    facts = (("refunds_left_out", left_out),) if left_out else ()
    return Sheet(headline, facts, (Table("refund", _COLUMNS, rows),))


def _refunded_sheet(refunded: Refunded) -> Sheet:
    headline = f"Payment {refunded.payment_reference} of {refunded.checkout_id} has gone back."
    facts = (
        ("payment_reference", refunded.payment_reference),
        ("checkout_id", refunded.checkout_id),
        ("at", refunded.at),
    )
    return Sheet(headline, facts)
