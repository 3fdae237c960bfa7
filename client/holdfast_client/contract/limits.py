"""What a checkout may not have more of, as words and as data."""

from __future__ import annotations

from typing import Any, Final

from holdfast_client.contract.fields import LINES_EVER_MAX

TOO_MANY_LINES: Final = (
    f"over all its amendments a checkout has at most {LINES_EVER_MAX:,} different lines, "
    "those that left and those that were given back too"
)


def line_limit(already: int, requested: int) -> dict[str, Any]:
    """Return the limit on the lines that a checkout ever has.

    Args:
        already: how many different lines it has, or has had.
        requested: how many more an amendment asks for.
    """
    return {
        "sku": None,
        "per": "lines",
        "limit": LINES_EVER_MAX,
        "already": already,
        "requested": requested,
    }
