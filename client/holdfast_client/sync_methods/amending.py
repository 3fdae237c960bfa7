# Made of methods/amending.py by `make sync`: change that file.
"""What is asked of the lines of a checkout: make them others."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast_client import answers
from holdfast_client.contract import arguments
from holdfast_client.contract.arguments import LineLike
from holdfast_client.contract.messages import Amendment
from holdfast_client.contract.names import AMEND_UPDATE
from holdfast_client.contract.outcomes import Committed, Held, UnknownOutcome
from holdfast_client.questions import Update
from holdfast_client.sync_methods.asking import Asking


class AmendMethods(Asking):
    """Change the lines of a hold or of a committed checkout."""

    def amend(
        self,
        checkout_id: str,
        lines: Sequence[LineLike],
        *,
        revision: int | None = None,
        reason: str = "",
        actor: str = "",
        amendment_id: str | None = None,
    ) -> Held | Committed | UnknownOutcome:
        """Make these lines all that is open of a hold or of a committed checkout.

        All of them, or the old ones stay. What was shipped is outside of it; the deadline stays.

        Args:
            checkout_id: the checkout.
            lines: the whole new set, as for ``reserve``. What the checkout holds itself never
                counts against it.
            revision: of the lines that they replace, as the last answer told it: lines of another
                one stay. None replaces whatever is open.
            reason: why, for the record.
            actor: who says so.
            amendment_id: names this one amendment; asked again with the same, it is made once. Made
                up if left out, and told by OutcomeUnknown.

        Returns:
            Held or Committed with the new lines and the next revision.

        Raises:
            AmendmentRefused: some of the lines cannot be had.
            RevisionConflict: the lines are of another revision.
            OperationConflict: the amendment id was used with other content.
            HoldNotActive: nothing is open, or the deadline has passed.
            CheckoutNotFound: no such checkout.
        """
        message = arguments.validated(
            Amendment,
            lines=arguments.lines_of_call(lines),
            revision=revision,
            reason=reason,
            actor=actor,
        )
        key = arguments.id_or_new("amendment_id", amendment_id)
        asked = Update(
            arguments.id_of_call("checkout_id", checkout_id),
            AMEND_UPDATE,
            message,
            update_id=key,
            remedy=f"ask again with amendment_id={key!r}, and it is made once, not twice",
        )
        reply = self._ask(asked)
        return answers.amended_of(answers.of_open(reply, asked, "there is nothing to amend"))
