# Made of methods/stock.py by `make sync`: change that file.
"""What is asked of stock."""

from __future__ import annotations

from holdfast_client import answers
from holdfast_client.contract import arguments
from holdfast_client.contract.messages import AdjustmentKind, StockAdjustment
from holdfast_client.contract.names import DEFAULT_LOCATION
from holdfast_client.contract.outcomes import AdjustmentOutcome
from holdfast_client.questions import Adjust
from holdfast_client.sync_methods.asking import Asking


class StockMethods(Asking):
    """Change stock from outside."""

    def adjust_stock(
        self,
        adjustment_id: str,
        sku: str,
        kind: AdjustmentKind,
        quantity: int,
        *,
        location: str = DEFAULT_LOCATION,
        reason: str = "",
        actor: str = "",
        new: bool = True,
    ) -> AdjustmentOutcome:
        """Change a stock item's total, or whether it is for sale; an adjustment id counts once.

        Args:
            adjustment_id: names this one change for ever; 1 to 200 characters.
            sku: the SKU; ``receive`` creates one that is not there, and says so.
            kind: ``receive`` adds, ``adjust`` adds or subtracts, ``count`` sets the total;
                ``deactivate`` takes it out of sale, where the holds on it stay, and ``activate``
                puts it back.
            quantity: units; at least 1 to receive, at least 0 to count, not 0 to adjust, and 0 for
                what changes no figures.
            location: where the stock is.
            reason: why, for the record.
            actor: who says so.
            new: whether ``receive`` may make a stock item that is not there. If not, a SKU with a
                slip in it is refused as unknown.

        Returns:
            AdjustmentApplied with the new figures, or AdjustmentRefused with the reason.

        Raises:
            AdjustmentConflict: the adjustment id was used for another change.
        """
        change = arguments.validated(
            StockAdjustment,
            adjustment_id=adjustment_id,
            sku=sku,
            kind=kind,
            quantity=quantity,
            location=location,
            reason=reason,
            actor=actor,
            new=new,
        )
        reply = self._ask(Adjust(change))
        return answers.adjustment_outcome_of(reply.answer)
