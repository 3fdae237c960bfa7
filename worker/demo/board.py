"""What a spectator of the demo sees: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from activities.inventory.records import Availability
from holdfast_client.cli.replay.report import CheckoutStep, ExpiryWait, ReplayEvent, Step
from holdfast_client.contract.outcomes import Denied, Held, HeldLine
from holdfast_client.terminal.colours import style_of
from holdfast_client.terminal.layout import GAP, fit
from holdfast_client.terminal.sheet import Column

_SKUS_SHOWN_MAX: Final = 20
_NEWS_SHOWN_MAX: Final = 10
_BAR_WIDTH: Final = 30
_COLUMNS: Final = (
    Column("SKU"),
    Column("total", rank=2),
    Column("reserved", rank=1),
    Column("available"),
    Column("sold, reserved, available", rank=3),
)
_FIGURES: Final = (1, 2, 3)
_SUMMARY_SECONDS: Final = 2.0
_TOLD: Final = (
    Step.HELD,
    Step.EXTENDED,
    Step.FULFILLED,
    Step.ABANDONED,
    Step.CANCELLED,
    Step.DENIED,
    Step.EXPIRED,
    Step.UNAVAILABLE,
)
# In plain lines, so many of each kind are enough; the rest is in the counts.
_LINES_PER_STEP_MAX: Final = 4

_DONE: Final = {
    Step.FULFILLED: "has paid: fulfilled",
    Step.EXTENDED: "needs longer: the hold is extended",
    Step.ABANDONED: "walks away without paying",
    Step.CANCELLED: "cancels: the stock is free again",
    Step.EXPIRED: "never came back: the hold is over, the stock is free again",
}


class Board:
    """Keeps what happens and shows it. Use as a context manager around the show."""

    def __init__(self, console: Console, orders: int) -> None:
        self._console = console
        self._orders = orders
        self._counts: Counter[Step] = Counter()
        self._news: deque[Text] = deque(maxlen=_NEWS_SHOWN_MAX)
        self._stock: Sequence[Availability] = ()
        self._total_at_start: dict[str, int] = {}
        self._began = time.monotonic()
        self._summarised_at = 0.0
        self._live = (
            Live(console=console, refresh_per_second=8, get_renderable=self._draw)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
        else:
            self._say(self._summary())

    def hear(self, event: ReplayEvent) -> None:
        """Take in one step of a shopper."""
        if isinstance(event, ExpiryWait):
            self._tell(
                Text(f"waiting {event.seconds:.0f} s for {event.holds} abandoned holds to end"),
                True,
            )
            return
        if event.step not in _TOLD:
            return
        self._counts[event.step] += 1
        line = Text(_words(event), style=style_of(event.step))
        self._tell(line, self._counts[event.step] <= _LINES_PER_STEP_MAX)

    def see(self, stock: Sequence[Availability]) -> None:
        """Take in the stock's figures as the database has them now."""
        self._stock = stock
        for item in stock:
            self._total_at_start.setdefault(item.sku, item.total)
        now = time.monotonic()
        if not self._live and now - self._summarised_at >= _SUMMARY_SECONDS:
            self._summarised_at = now
            self._say(self._summary())

    def _tell(self, line: Text, worth_a_line: bool) -> None:
        self._news.append(line)
        if not self._live and worth_a_line:
            self._say(line.plain)

    def _say(self, line: str) -> None:
        seconds = time.monotonic() - self._began
        text = f"{seconds:6.1f} s  {line}"
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _summary(self) -> str:
        counts = ", ".join(f"{self._counts[step]} {step}" for step in _TOLD if self._counts[step])
        total = sum(item.total for item in self._stock)
        reserved = sum(item.reserved for item in self._stock)
        return (
            f"stock: {total:,} total, {reserved:,} reserved, {total - reserved:,} available"
            f" | {counts or 'nobody yet'}"
        )

    def _draw(self) -> Group:
        return Group(
            *self._stock_lines(),
            Text(f"{self._orders:,} shoppers: {self._summary()}", style="bold"),
            *self._news,
        )

    def _stock_lines(self) -> Iterator[Text]:
        shown = sorted(self._stock, key=lambda item: -item.reserved)[:_SKUS_SHOWN_MAX]
        shown.sort(key=lambda item: item.sku)
        yield Text("Stock, as the database has it now", style="italic")
        yield from _grid([self._cells(item) for item in shown], self._console.width)

    def _cells(self, item: Availability) -> tuple[Text, ...]:
        figures = (item.total, item.reserved, item.available)
        bar = _bar(item, self._total_at_start[item.sku])
        return (Text(item.sku), *(Text(f"{figure:,}") for figure in figures), bar)


def _grid(rows: Sequence[tuple[Text, ...]], room: int) -> Iterator[Text]:
    """Yield a table's lines: columns are left out until the SKUs are whole in so much room."""
    headings = tuple(Text(column.name, style="bold") for column in _COLUMNS)
    widths = [max(cell.cell_len for cell in cells) for cells in zip(headings, *rows, strict=True)]
    layout = fit(_COLUMNS, widths, widths, room)
    if layout.widths is None:
        yield from (_in_words(*row) for row in rows)
        return
    for row in (headings, *rows):
        for place, width in zip(layout.places, layout.widths, strict=True):
            row[place].align("right" if place in _FIGURES else "left", width)
        yield Text(" " * GAP).join(row[place] for place in layout.places)


def _in_words(sku: Text, total: Text, reserved: Text, available: Text, _: Text) -> Text:
    """Return two lines of a stock item whose SKU alone is wider than the terminal."""
    return Text.assemble(
        sku, "\n  total ", total, ", reserved ", reserved, ", available ", available
    )


def _bar(item: Availability, total_at_start: int) -> Text:
    """Draw what was there at the start as what is sold, reserved and available of it."""
    scale = _BAR_WIDTH / max(total_at_start, item.total, 1)
    reserved, available = round(item.reserved * scale), round(item.available * scale)
    sold = max(0, _BAR_WIDTH - reserved - available)
    parts = (("░" * sold, "dim"), ("█" * reserved, "yellow"), ("█" * available, "green"))
    return Text.assemble(*parts)


def _words(event: CheckoutStep) -> str:
    who = event.order.customer_id or event.checkout_id
    match event.outcome:
        case Held() if event.step is Step.HELD:
            return f"{who} holds {_goods(event.outcome.lines)}"
        case Denied(shortages=(short, *_)):
            wanted = f"{short.requested} of {short.sku} wanted, {short.available} available"
            return f"{who} is denied: {wanted}"
    return f"{who} {_DONE.get(event.step, event.step)}"


def _goods(lines: Sequence[HeldLine]) -> str:
    shown = ", ".join(f"{line.quantity} x {line.sku}" for line in lines[:3])
    return f"{shown} and {len(lines) - 3} more" if len(lines) > 3 else shown
