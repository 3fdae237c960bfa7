"""What is asked of one checkout while it is bought: hold, pay, extend, give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from holdfast_client import answers
from holdfast_client.contract import arguments
from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.fields import HOLD_SECONDS_DEFAULT
from holdfast_client.contract.messages import (
    Cancellation,
    CheckoutRequest,
    Confirmation,
    Extension,
    Late,
    Settle,
    Settlement,
)
from holdfast_client.contract.names import CANCEL_UPDATE, CONFIRM_UPDATE, EXTEND_UPDATE
from holdfast_client.contract.outcomes import (
    FinalOutcome,
    Held,
    Outcome,
    RefundDue,
    SettledOutcome,
    UnknownOutcome,
)
from holdfast_client.methods.asking import Asking
from holdfast_client.questions import Reserve, Update


class CheckoutMethods(Asking):
    """Hold, pay, extend and give back."""

    async def reserve(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        hold_seconds: int = HOLD_SECONDS_DEFAULT,
        customer_id: str | None = None,
        cart_id: str | None = None,
        supersedes: str | None = None,
    ) -> Outcome:
        """Hold every line, or none.

        Asked again with the same request, it answers where the checkout stands by then.

        Args:
            checkout_id: names this one attempt to buy for ever; 1 to 200 characters.
            lines: 1 to 1,000 of ``Line``, ``(sku, quantity)`` or a mapping with ``sku``,
                ``quantity`` and perhaps ``location``. Equal SKUs are summed.
            hold_seconds: how long to hold, 1 to 86,400 s.
            customer_id: who buys, to find the checkout by.
            cart_id: the shop's cart, to find the checkout by.
            supersedes: a checkout of the same customer or cart whose units this one takes over, all
                in one step: it ends cancelled. If this one is denied, that one goes on.

        Returns:
            Held, Denied with every shortage, Unavailable, or the final outcome that came first.

        Raises:
            CheckoutConflict: the checkout id was used with another request, or what it supersedes
                is of another customer and cart, or is paid.
        """
        request = arguments.validated(
            CheckoutRequest,
            checkout_id=checkout_id,
            lines=arguments.lines_of_call(lines),
            hold_seconds=hold_seconds,
            customer_id=customer_id,
            cart_id=cart_id,
            supersedes=supersedes,
        )
        reply = await self._ask(Reserve(request))
        return answers.outcome_of(reply.answer)

    async def reserve_cart(
        self,
        checkout_id: str,
        cart_id: str,
        *,
        hold_seconds: int = HOLD_SECONDS_DEFAULT,
        customer_id: str | None = None,
        supersedes: str | None = None,
    ) -> Outcome:
        """Hold all that is in a cart of an adopted shop, or nothing.

        The cart is read once, in the transaction that holds. Asked again with the same request, it
        answers where the checkout stands, whatever is in the cart by then.

        Args:
            checkout_id: as of :meth:`reserve`.
            cart_id: the shop's cart, as the plan of the adoption names carts.
            hold_seconds: as of :meth:`reserve`.
            customer_id: as of :meth:`reserve`.
            supersedes: as of :meth:`reserve`.

        Returns:
            As :meth:`reserve` does.

        Raises:
            InvalidRequest: for ``cart_id``: there is no such cart, it is empty, or something in it
                cannot be held; or no shop is adopted. The checkout id is spent then.
            CheckoutConflict: as of :meth:`reserve`.
        """
        request = arguments.validated(
            CheckoutRequest,
            checkout_id=checkout_id,
            from_cart=True,
            hold_seconds=hold_seconds,
            customer_id=customer_id,
            cart_id=cart_id,
            supersedes=supersedes,
        )
        reply = await self._ask(Reserve(request))
        return answers.outcome_of(reply.answer)

    @overload
    async def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        late: None = None,
        actor: str = "",
    ) -> SettledOutcome: ...

    @overload
    async def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        late: Late | None,
        actor: str = "",
    ) -> SettledOutcome | RefundDue: ...

    async def confirm(
        self,
        checkout_id: str,
        payment_reference: str,
        *,
        settle: Settle = "fulfil",
        late: Late | None = None,
        actor: str = "",
    ) -> SettledOutcome | RefundDue:
        """Fulfil or commit the hold, because it was paid.

        One call for every webhook, whenever it comes: also where the checkout's workflow was
        terminated, or Temporal has forgotten it. What settles nothing is on record as due back.

        Args:
            checkout_id: the checkout.
            payment_reference: the payment, 1 to 500 characters.
            settle: ``fulfil`` sells the stock at once; ``commit`` keeps it reserved, without a
                deadline, until it is shipped.
            late: what becomes of a payment whose hold is over. ``refund``: it is due back.
                ``reinstate``: where the hold had expired and all of it can be had, it is held again
                and paid; else it is due back. None: it is due back too, and the answer tells where
                the checkout stands.
            actor: who says so.

        Returns:
            Fulfilled or Committed, ``reinstated`` where it had expired. Of what another payment has
            committed already, Committed with ``duplicate_payment``: this one is due back. Where the
            hold is over: with ``late`` RefundDue, with its reason and what fell short; without it
            the final outcome that came first.

        Raises:
            PaymentConflict: the payment belongs to another checkout.
            CheckoutNotFound: no such checkout; the payment is due back. With ``late`` that is
                told by RefundDue.
        """
        message = arguments.validated(
            Confirmation, payment_reference=payment_reference, settle=settle, late=late, actor=actor
        )
        id = arguments.id_of_call("checkout_id", checkout_id)
        settlement = Settlement(
            checkout_id=id,
            operation="confirm",
            payment_reference=message.payment_reference,
            settle=settle,
            late=late or "refund",
            actor=actor,
        )
        asked = Update(id, CONFIRM_UPDATE, message, is_repeatable=True, settlement=settlement)
        return answers.settled_of(await self._ask(asked), asked, late)

    async def extend(
        self,
        checkout_id: str,
        seconds: int,
        *,
        reason: str = "",
        actor: str = "",
        extension_id: str | None = None,
    ) -> Held:
        """Move the deadline of a live hold.

        Args:
            checkout_id: the checkout.
            seconds: how much later it ends, 1 to 86,400 s.
            reason: why, for the record.
            actor: who says so.
            extension_id: names this one extension; asked again with the same, it is made once.
                Made up if left out, and told by OutcomeUnknown.

        Raises:
            HoldNotActive: the hold is over, or has not begun.
            ExtensionRefused: the hold's whole length would exceed the cap.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.validated(Extension, seconds=seconds, reason=reason, actor=actor)
        key = arguments.id_or_new("extension_id", extension_id)
        asked = Update(
            arguments.id_of_call("checkout_id", checkout_id),
            EXTEND_UPDATE,
            message,
            update_id=key,
            remedy=f"ask again with extension_id={key!r}, and it is extended once, not twice",
        )
        reply = await self._ask(asked)
        return answers.held_of(answers.of_open(reply, asked, "there is no live hold to extend"))

    async def cancel(
        self, checkout_id: str, *, reason: str = "", actor: str = ""
    ) -> FinalOutcome | UnknownOutcome:
        """Give the hold back, or what is open of a committed checkout.

        Args:
            checkout_id: the checkout.
            reason: why, for the record.
            actor: who says so.

        Returns:
            Cancelled, or the final outcome that came first; Fulfilled where some of a committed
            checkout was shipped. Where nobody knows the checkout, Cancelled with ``was_known``
            false: nothing was held, and nothing can be held under the id any more.
        """
        message = arguments.validated(Cancellation, reason=reason, actor=actor)
        id = arguments.id_of_call("checkout_id", checkout_id)
        settlement = Settlement(checkout_id=id, operation="cancel", reason=reason, actor=actor)
        asked = Update(id, CANCEL_UPDATE, message, is_repeatable=True, settlement=settlement)
        reply = await self._ask(asked)
        return answers.final_outcome_of(reply.answer)
