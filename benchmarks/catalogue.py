"""Every case there is, in the order in which they run and are reported."""

from __future__ import annotations

from pathlib import Path

from benchmarks.case import Case
from benchmarks.ledger.cases import CASES as LEDGER_CASES
from benchmarks.stack.checkouts import CheckoutsCase
from benchmarks.stack.cost import CostCase
from benchmarks.stack.orders import OrdersCase
from benchmarks.stack.scale_out import ScaleOutCase
from benchmarks.stack.start_up import StartUpCase
from benchmarks.stack.storm import StormCase


def all_cases(orders: Path | None = None) -> list[Case]:
    """Return the cases.

    Args:
        orders: an order file, which is a case of its own.
    """
    cases: list[Case] = [
        CheckoutsCase(),
        ScaleOutCase(),
        StormCase(),
        CostCase(),
        StartUpCase(),
        *LEDGER_CASES,
    ]
    return [*cases, OrdersCase(orders)] if orders else cases
