"""What the ledger ought to answer about stock."""

from __future__ import annotations

from datetime import datetime

from tests.inventory.carts import Answer, Cart, refused
from tests.inventory.oracle_holds import Hold


class StockOracle:
    """Stock as it ought to be: what is reserved is what the open holds hold.

    Args:
        now: the standing clock.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.totals: dict[str, int] = {}
        self.inactive: set[str] = set()
        self.holds: dict[str, Hold] = {}
        self.adjustments: dict[str, tuple[object, Answer]] = {}

    def reserved(self, sku: str) -> int:
        return sum(hold.cart.get(sku, 0) for hold in self.holds.values() if hold.is_open)

    def available(self, sku: str) -> int:
        return self.totals[sku] - self.reserved(sku)

    def adjust(self, id: str, kind: str, sku: str, quantity: int) -> Answer:
        change = (kind, sku, quantity)
        if id not in self.adjustments:
            self.adjustments[id] = (change, self._adjusted(kind, sku, quantity))
        known, answer = self.adjustments[id]
        return answer if known == change else {"status": "conflict"}

    def load(self, totals: Cart) -> bool:
        """Set totals, and return whether that was possible."""
        if any(sku in self.totals and total < self.reserved(sku) for sku, total in totals.items()):
            return False
        self.totals |= totals
        return True

    def _adjusted(self, kind: str, sku: str, quantity: int) -> Answer:
        created = sku not in self.totals
        if created:
            if kind != "receive":
                return refused("unknown_sku", sku, None, None, None)
            self.totals[sku] = 0
        total = quantity if kind == "count" else self.totals[sku] + quantity
        figures = (self.totals[sku], self.reserved(sku), self.available(sku))
        if total < 0:
            return refused("negative_total", sku, *figures)
        if total < self.reserved(sku):
            holders = self._holders(sku)
            others = self.reserved(sku) - sum(holder["quantity"] for holder in holders)
            return refused("below_reserved", sku, *figures, holders=holders, others=others)
        self.totals[sku] = total
        self.inactive -= {sku} if kind == "activate" else set()
        self.inactive |= {sku} if kind == "deactivate" else set()
        return {
            "status": "applied",
            "sku": sku,
            "location": "main",
            "total": total,
            "reserved": self.reserved(sku),
            "available": self.available(sku),
            "created": created,
            "active": sku not in self.inactive,
        }

    def _holders(self, sku: str) -> tuple[Answer, ...]:
        found = [
            {"checkout_id": id, "quantity": hold.cart[sku], "expires_at": hold.deadline}
            for id, hold in self.holds.items()
            if hold.is_open and sku in hold.cart
        ]
        # What is committed has no deadline, and stands behind the holds.
        found.sort(
            key=lambda h: (not h["expires_at"], h["expires_at"] or self.now, h["checkout_id"])
        )
        return tuple(found[:10])
