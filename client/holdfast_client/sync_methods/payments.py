# Made of methods/payments.py by `make sync`: change that file.
"""What is told of payments: one in flight, one that came to nothing, one that goes back."""

from __future__ import annotations

import uuid

from holdfast_client import answers
from holdfast_client.contract import arguments
from holdfast_client.contract.messages import (
    PaymentEnded,
    PaymentResult,
    PaymentStarted,
    Settlement,
)
from holdfast_client.contract.names import (
    PAYMENT_ENDED_UPDATE,
    PAYMENT_STARTED_UPDATE,
    REFUND_DONE_WORKFLOW,
    REFUNDS_WORKFLOW,
    refunds_workflow_id,
)
from holdfast_client.contract.outcomes import Held, Outcome
from holdfast_client.contract.refunds import (
    REFUNDS_LIMIT_DEFAULT,
    RefundDone,
    Refunded,
    Refunds,
    RefundsRequest,
)
from holdfast_client.questions import PAY_AGAIN, SEE_REFUNDS, Read, Update
from holdfast_client.sync_methods.asking import Asking


class PaymentMethods(Asking):
    """Wait for payments, and give back those that are due back."""

    def payment_started(
        self, checkout_id: str, payment_reference: str, seconds: int, *, actor: str = ""
    ) -> Held:
        """Keep a live hold while the buyer is at the bank, past its deadline if need be.

        What the buyer was told stays: ``expires_at`` does not move, ``paying_until`` says until
        when the hold waits. It waits at most 1,800 s after its deadline, unless the operators allow
        another time, and is cut to that. Told again of the same payment, its time begins anew.

        Args:
            checkout_id: the checkout.
            payment_reference: the payment, 1 to 500 characters.
            seconds: how long it may take from now, 1 to 3,600 s.
            actor: who says so.

        Raises:
            HoldNotActive: the hold is over, or has not begun: it is never revived.
            GraceRefused: it waits for this payment as long as is allowed already.
            PaymentConflict: the payment belongs to another checkout.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.validated(
            PaymentStarted, payment_reference=payment_reference, seconds=seconds, actor=actor
        )
        id = arguments.id_of_call("checkout_id", checkout_id)
        asked = Update(id, PAYMENT_STARTED_UPDATE, message, is_repeatable=True, remedy=PAY_AGAIN)
        reply = self._ask(asked)
        return answers.held_of(answers.of_open(reply, asked, "there is no live hold to pay for"))

    def payment_ended(
        self,
        checkout_id: str,
        payment_reference: str,
        result: PaymentResult = "failed",
        *,
        actor: str = "",
    ) -> Outcome:
        """Wait no longer for a payment that came to nothing.

        Past its deadline, and with no other payment in flight, the hold ends now. A payment that
        nobody has named changes nothing.

        Args:
            checkout_id: the checkout.
            payment_reference: the payment, 1 to 500 characters.
            result: ``failed`` or ``cancelled``.
            actor: who says so.

        Returns:
            Where the checkout stands now.

        Raises:
            PaymentConflict: the payment belongs to another checkout.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.validated(
            PaymentEnded, payment_reference=payment_reference, result=result, actor=actor
        )
        id = arguments.id_of_call("checkout_id", checkout_id)
        settlement = Settlement(
            checkout_id=id,
            operation="payment_ended",
            payment_reference=message.payment_reference,
            result=message.result,
            actor=message.actor,
        )
        asked = Update(
            id,
            PAYMENT_ENDED_UPDATE,
            message,
            is_repeatable=True,
            remedy=PAY_AGAIN,
            settlement=settlement,
        )
        reply = self._ask(asked)
        return answers.outcome_of(reply.answer)

    def refunds(self, *, limit: int = REFUNDS_LIMIT_DEFAULT) -> Refunds:
        """List the payments that are due back, the oldest first.

        Read from the database by a worker.

        Args:
            limit: 1 to 200 payments.
        """
        request = arguments.validated(RefundsRequest, limit=limit)
        workflow_id = refunds_workflow_id(uuid.uuid4().hex)
        reply = self._ask(Read("the refunds", REFUNDS_WORKFLOW, workflow_id, request))
        return answers.refunds_of(reply.answer)

    def refund_done(self, payment_reference: str, *, actor: str = "") -> Refunded:
        """Put down that a payment which was due back has gone back. Moves no money.

        Args:
            payment_reference: the payment, 1 to 500 characters.
            actor: who says so.

        Raises:
            RefundNotDue: it is not due back, or is on record as gone back already.
        """
        message = arguments.validated(RefundDone, payment_reference=payment_reference, actor=actor)
        subject = f"the refund of {payment_reference!r}"
        workflow_id = refunds_workflow_id(uuid.uuid4().hex)
        asked = Read(subject, REFUND_DONE_WORKFLOW, workflow_id, message, remedy=SEE_REFUNDS)
        reply = self._ask(asked)
        return answers.refunded_of(reply.answer)
