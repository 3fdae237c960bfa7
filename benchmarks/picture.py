"""A run's figures as one picture: for each panel, bars of the contenders, setting by setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.case import Case, Panel
from benchmarks.layout import number
from benchmarks.results import CaseResult, RunResult, Series

_COLUMNS: Final = 2
_PANEL_INCHES: Final = (5.6, 2.9)
# Holdfast stands out; its peers are told apart.
_HOLDFAST_COLOUR: Final = "#1f6f5c"
_COLOURS: Final = ("#9aa5a1", "#d9a441", "#b5563c", "#6c7fa8", "#c9b8a0")
_HOLDFAST: Final = "Holdfast"


def draw(result: RunResult, cases: Sequence[Case], path: Path) -> None:
    """Draw every panel that was measured; the same figures give the same file."""
    # Only now: it is slow to import, and only this needs it.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "holdfast", "font.size": 9, "axes.titlesize": 10})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    panels = _measured_panels(result, cases)
    if not panels:
        return
    rows = -(-len(panels) // _COLUMNS)
    width, height = _PANEL_INCHES
    figure, grid = plt.subplots(
        rows, _COLUMNS, figsize=(width * _COLUMNS, height * rows), squeeze=False
    )
    axes = list(grid.flat)
    for ax, (panel, case) in zip(axes, panels, strict=False):
        _draw_panel(ax, panel, case)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _measured_panels(result: RunResult, cases: Sequence[Case]) -> list[tuple[Panel, CaseResult]]:
    return [
        (panel, measured)
        for case in cases
        if (measured := result.case(case.name)) is not None
        for panel in case.panels
        if any(series.figure == panel.figure for series in measured.series)
    ]


def _draw_panel(ax: Any, panel: Panel, case: CaseResult) -> None:
    shown = [series for series in case.series if series.figure == panel.figure]
    settings = list(dict.fromkeys(series.setting for series in shown))
    contenders = list(dict.fromkeys(series.contender for series in shown))
    thickness = 0.8 / len(contenders)
    for place, contender in enumerate(contenders):
        mine = [series for series in shown if series.contender == contender]
        at = [settings.index(series.setting) + place * thickness for series in mine]
        _draw_bars(ax, at, mine, thickness, _colour(contender, contenders))
    ax.set_title(panel.title, loc="left")
    ax.invert_yaxis()
    _name_rows(ax, settings, contenders, thickness)
    if panel.logarithmic:
        ax.set_xscale("log")
    ax.set_xlabel(shown[0].unit)
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.12)


def _draw_bars(
    ax: Any, at: Sequence[float], series: Sequence[Series], thickness: float, colour: str
) -> None:
    medians = [each.median for each in series]
    spread = [[e.median - e.least for e in series], [e.most - e.median for e in series]]
    ax.barh(
        at,
        medians,
        thickness * 0.92,
        color=colour,
        label=series[0].contender,
        xerr=spread if any(each.least < each.most for each in series) else None,
        error_kw={"ecolor": "#444444", "elinewidth": 0.8, "capsize": 1.5},
    )
    for height, each in zip(at, series, strict=True):
        ax.annotate(
            number(each.median),
            (each.most, height),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )


def _name_rows(
    ax: Any, settings: Sequence[str], contenders: Sequence[str], thickness: float
) -> None:
    """Name the contenders beside their bars where there is one setting, else in a legend."""
    if settings == [""]:
        ax.set_yticks([place * thickness for place in range(len(contenders))], contenders)
        return
    middle = (len(contenders) - 1) / 2 * thickness
    ax.set_yticks([row + middle for row in range(len(settings))], settings)
    if len(contenders) > 1:
        ax.legend(fontsize=8, frameon=False, loc="best")


def _colour(contender: str, contenders: Sequence[str]) -> str:
    if contender == _HOLDFAST or _HOLDFAST not in contenders:
        return _HOLDFAST_COLOUR
    peers = [name for name in contenders if name != _HOLDFAST]
    return _COLOURS[peers.index(contender) % len(_COLOURS)]
