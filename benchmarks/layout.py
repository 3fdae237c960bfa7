"""Figures laid out as tables: for the terminal and for the written page alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.case import Case, View
from benchmarks.results import BarResult, CaseResult, RunResult, Series

NOT_MEASURED: Final = "-"
_WHOLE_FROM: Final = 100


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; the first ``words`` columns are words, the others figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int


def view_table(view: View, result: CaseResult) -> Table | None:
    """Lay out one view of a case; None where nothing of it was measured."""
    shown = [series for series in result.series if series.figure in view.figures]
    if not shown:
        return None
    figures = [name for name in view.figures if any(series.figure == name for series in shown)]
    has_settings = any(series.setting for series in shown)
    pairs = _in_order((series.setting, series.contender) for series in shown)
    rows = tuple(
        (*([setting] if has_settings else []), contender, *_cells(result, pair, figures))
        for pair in pairs
        for setting, contender in [pair]
    )
    heads = tuple(_heading(name, shown) for name in figures)
    words = ("at", "") if has_settings else ("",)
    return Table(view.title, (*words, *heads), rows, len(words))


def case_tables(case: Case, result: CaseResult) -> list[Table]:
    """Lay out all views of a case."""
    tables = (view_table(view, result) for view in case.views)
    return [table for table in tables if table is not None]


def page_table(case: Case, result: CaseResult) -> Table:
    """Lay out what the page shows of a case: figures by setting down, contenders across."""
    shown = [series for series in result.series if series.figure in case.page_figures]
    contenders = list(dict.fromkeys(series.contender for series in shown))
    pairs = _in_order((series.figure, series.setting) for series in shown)
    keys = sorted(pairs, key=lambda pair: case.page_figures.index(pair[0]))
    rows = tuple(
        (
            _row_name(figure, setting, shown),
            *(_median(result.find(contender, setting, figure)) for contender in contenders),
        )
        for figure, setting in keys
    )
    return Table(case.title, ("", *contenders), rows, 1)


def bars_table(bars: Sequence[BarResult]) -> Table:
    """Lay out the bars and how they came out."""
    rows = tuple((bar.text, _wanted(bar), _measured(bar), _verdict(bar)) for bar in bars)
    return Table("Bars", ("bar", "wanted", "measured", ""), rows, 1)


def machine_lines(result: RunResult) -> list[str]:
    """Say where and with what it was measured."""
    machine = result.machine
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    size = f"{machine.cores} cores, {machine.memory_gigabytes:g} GB"
    return [
        f"{machine.processor}, {size}, {machine.system}",
        f"Python {machine.python}; {versions}",
    ]


def number(value: float) -> str:
    """Write a number with about three digits that tell."""
    if value == int(value) or abs(value) >= _WHOLE_FROM:
        return f"{round(value):,}"
    return f"{value:.3g}"


def _cells(result: CaseResult, pair: tuple[str, str], figures: Sequence[str]) -> Iterable[str]:
    setting, contender = pair
    return (_cell(result.find(contender, setting, name)) for name in figures)


def _cell(series: Series | None) -> str:
    if series is None:
        return NOT_MEASURED
    if series.least == series.most:
        return number(series.median)
    return f"{number(series.median)} ({number(series.least)} to {number(series.most)})"


def _median(series: Series | None) -> str:
    return NOT_MEASURED if series is None else number(series.median)


def _row_name(figure: str, setting: str, shown: Sequence[Series]) -> str:
    heading = _heading(figure, shown)
    return f"{setting}: {heading}" if setting else heading


def _heading(figure: str, shown: Sequence[Series]) -> str:
    unit = next(series.unit for series in shown if series.figure == figure)
    return f"{figure}, {unit}" if unit else figure


def _wanted(bar: BarResult) -> str:
    unit = f" {bar.unit}" if bar.unit else ""
    low = [f"at least {number(bar.at_least)}{unit}"] if bar.at_least is not None else []
    high = [f"at most {number(bar.at_most)}{unit}"] if bar.at_most is not None else []
    return ", ".join(low + high)


def _measured(bar: BarResult) -> str:
    if bar.value is None:
        return NOT_MEASURED
    return number(bar.value) + (f" {bar.unit}" if bar.unit else "")


def _verdict(bar: BarResult) -> str:
    if bar.value is None:
        return "not measured"
    return "met" if bar.is_met else "missed"


def _in_order(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(pairs))
