"""What stands in the way of a plan's carts and holds."""

from __future__ import annotations

from collections.abc import Iterator

from activities.inventory.adoption.plan import Plan


def linked_obstacles(plan: Plan) -> Iterator[str]:
    """Return what stands in the way of the plan's carts and holds."""
    if plan.carts:
        yield "carts: cannot be adopted yet"
    if plan.holds:
        yield "holds: cannot be adopted yet"
