"""Which orders and lines of an export are no sale, by what its status columns say."""

from __future__ import annotations

from collections import Counter
from typing import Final

from holdfast_client.cli.orders.columns import OrderPlaces
from holdfast_client.cli.orders.statuses import Meaning, is_no_sale, meaning_of
from holdfast_client.spreadsheets.spreadsheet import Row

# What stands for nothing in exports of databases and spreadsheets.
NO_VALUES: Final = frozenset({"", "\\n", "null", "none", "nan", "n/a", "#n/a", "-"})
_NO: Final = NO_VALUES | {"0", "false", "no", "n", "f"}
_DOUBTFUL: Final = "statuses of no clear meaning were taken for sales"
_DOUBTS_MAX: Final = 5


def _is_doubtful(status: str) -> bool:
    return meaning_of(status) is Meaning.DOUBTFUL


class Standing:
    """Says of each row whether it was sold, for one export.

    A row without a status has that of its order, which some exports write on the first row only.
    """

    def __init__(
        self,
        places: OrderPlaces,
        further: frozenset[str] = frozenset(),
        known: Standing | None = None,
    ) -> None:
        """Begin with what another file says of the orders, if there is one."""
        self._places = places
        self._further = further
        self._orders: dict[str, bool] = dict(known._orders) if known else {}
        self._doubtful: Counter[str] = Counter(known._doubtful if known else ())

    @property
    def doubts(self) -> tuple[str, ...]:
        """What to say of statuses that were taken for sales and may mean something else."""
        if not self._doubtful:
            return ()
        told = [f"{rows:,} {status!r}" for status, rows in self._doubtful.most_common(_DOUBTS_MAX)]
        if len(self._doubtful) > _DOUBTS_MAX:
            told.append(f"{len(self._doubtful) - _DOUBTS_MAX} more")
        return (f"{_DOUBTFUL}: {', '.join(told)} (--no-sale STATUS leaves one out)",)

    def learn(self, order_id: str, row: Row) -> None:
        """Take in one row, in the order of the file; the first that says anything counts."""
        own = self._own(row)
        if own is not None:
            self._orders.setdefault(order_id, own)
        if own is False:
            self._doubtful.update(filter(_is_doubtful, self._said(row)))

    def is_no_sale(self, order_id: str, row: Row) -> bool:
        """Tell whether a row is none, once all rows are learned."""
        own = self._own(row)
        return self._orders.get(order_id, False) if own is None else own

    def _own(self, row: Row) -> bool | None:
        """Return what the row itself says: True for no sale, None for nothing."""
        said = self._said(row)
        if any(row.cell(place).casefold() not in _NO for place in self._places.cancelled):
            return True
        return any(is_no_sale(status, self._further) for status in said) if said else None

    def _said(self, row: Row) -> list[str]:
        statuses = [row.cell(place) for place in self._places.statuses]
        return [status for status in statuses if status.casefold() not in NO_VALUES]
