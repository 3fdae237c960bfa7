# Made of methods/parts.py by `make sync`: change that file.
"""What is asked of a part of a checkout: ship it, or give it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from holdfast_client import answers
from holdfast_client.contract import arguments
from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.digests import PART_KEYS, keys_that_differ, shipment_digest
from holdfast_client.contract.errors import HoldNotActive, OperationConflict
from holdfast_client.contract.messages import PartialRelease, Rest, Shipment
from holdfast_client.contract.names import FULFIL_UPDATE, RELEASE_UPDATE
from holdfast_client.contract.outcomes import Committed, Fulfilled, Outcome, UnknownOutcome
from holdfast_client.contract.timeline import TimelineRequest
from holdfast_client.contract.wording import difference
from holdfast_client.questions import SHIP_AGAIN, Reply, Update, timeline_wanted
from holdfast_client.sync_methods.asking import Asking

_NOTHING_OPEN: Final = "nothing of it is open"


class PartMethods(Asking):
    """Ship and give back a part, or the rest."""

    def fulfil(
        self,
        checkout_id: str,
        shipment_id: str,
        lines: Sequence[LineLike] | None = None,
        *,
        rest: Rest = "keep",
        actor: str = "",
    ) -> Committed | Fulfilled | UnknownOutcome:
        """Ship units of a committed checkout; the same shipment id ships them once.

        Args:
            checkout_id: the checkout.
            shipment_id: names this one shipment; 1 to 200 characters. One that was refused stays
                refused, so another try takes another.
            lines: what has left, as for ``reserve``; None for all that is open. A line without
                location means the one place where the SKU is open.
            rest: ``keep`` what stays for later shipments, or ``release`` it.
            actor: who says so.

        Returns:
            Committed with what is still open, or Fulfilled with all that was shipped.

        Raises:
            OverOpen: it is more than is open; nothing was shipped.
            OperationConflict: the shipment id was used with other content.
            HoldNotActive: the checkout is not committed.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.validated(
            Shipment,
            shipment_id=shipment_id,
            lines=None if lines is None else arguments.lines_of_call(lines),
            rest=rest,
            actor=actor,
        )
        id = arguments.id_of_call("checkout_id", checkout_id)
        asked = Update(id, FULFIL_UPDATE, message, remedy=SHIP_AGAIN)
        reply = self._ask(asked)
        try:
            answer = answers.of_open(reply, asked, _NOTHING_OPEN)
        except HoldNotActive:
            # The last shipment ended it, and this may be the same again: its answer was lost.
            if not self._was_made(reply, id, message):
                raise
            answer = reply.answer
        return answers.shipped_of(answer)

    def _was_made(self, reply: Reply, checkout_id: str, shipment: Shipment) -> bool:
        """Say whether a checkout that is over was shipped by this before, as the database tells.

        Raises:
            OperationConflict: it was shipped by another one under this id.
        """
        if not isinstance(answers.outcome_of(reply.answer), Fulfilled):
            return False
        asked = timeline_wanted(TimelineRequest(checkout_id=checkout_id))
        told = answers.timeline_of((self._ask(asked)).answer)
        known = {event.shipment_id: event.digest for event in told.events}
        if shipment.shipment_id not in known:
            return False
        before, now = str(known[shipment.shipment_id]), shipment_digest(shipment)
        if before == now:
            return True
        differs = keys_that_differ(PART_KEYS, before, now)
        raise OperationConflict(
            f"the id was used with other content{difference(differs)}", {"differs": list(differs)}
        )

    def release(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        reason: str = "",
        actor: str = "",
        release_id: str | None = None,
    ) -> Outcome:
        """Give units of a hold or of a committed checkout back, and keep the others.

        Args:
            checkout_id: the checkout.
            lines: what is given back, as for ``fulfil``. All of it is a cancellation.
            reason: why, for the record.
            actor: who says so.
            release_id: names this one release; asked again with the same, it is made once. Made up
                if left out, and told by OutcomeUnknown.

        Returns:
            Held or Committed with what is still open; Cancelled, or Fulfilled where something was
            shipped, if nothing is.

        Raises:
            OverOpen: it is more than is open; nothing was given back.
            OperationConflict: the release id was used with other content.
            HoldNotActive: nothing is open.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.validated(
            PartialRelease, lines=arguments.lines_of_call(lines), reason=reason, actor=actor
        )
        key = arguments.id_or_new("release_id", release_id)
        asked = Update(
            arguments.id_of_call("checkout_id", checkout_id),
            RELEASE_UPDATE,
            message,
            update_id=key,
            remedy=f"ask again with release_id={key!r}, and it is given back once, not twice",
        )
        reply = self._ask(asked)
        return answers.outcome_of(answers.of_open(reply, asked, _NOTHING_OPEN))
