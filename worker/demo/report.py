"""The demo's closing report: what came of everybody, and whether every invariant held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from rich.console import Console

from activities.inventory.records import Availability, Breach
from holdfast_client.cli.replay.report import ReplayReport, Step
from holdfast_client.contract.names import checkout_workflow_id
from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import Sheet

NAMESPACE: Final = "default"
_INVARIANTS: Final = (
    ("I1", "0 <= reserved <= total, for every stock item"),
    ("I2", "reserved = what open holds hold"),
    ("I3", "total and reserved = the sums of their movements"),
    ("I4", "every hold ended once, as its movements say"),
    ("I5", "the shop's own tables, where adopted, say the same"),
    ("I6", "a payment settles one checkout, and a checkout has one"),
)
_LINKED: Final = (Step.FULFILLED, Step.EXPIRED, Step.CANCELLED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the demo proved.

    Args:
        breaches: of the invariants.
        disagreements: answers that shoppers got and the database does not confirm.
        unended: holds that should have ended and are still open.
    """

    breaches: tuple[Breach, ...]
    disagreements: tuple[str, ...]
    unended: int

    @property
    def holds(self) -> bool:
        return not (self.breaches or self.disagreements or self.unended)


def workflow_url(ui_url: str, checkout_id: str) -> str:
    """Return the address of a checkout's timeline in the Web UI."""
    workflow_id = quote(checkout_workflow_id(checkout_id), safe="")
    return f"{ui_url}/namespaces/{NAMESPACE}/workflows/{workflow_id}"


def print_report(
    console: Console,
    report: ReplayReport,
    stock: Sequence[Availability],
    verdict: Verdict,
) -> None:
    """Print what happened and what it proves."""
    console.print()
    Screen(as_json=False).show(None, _outcomes(report))
    console.print(
        f"{report.orders:,} checkouts in {report.duration_seconds:.1f} s: "
        f"reserve p50 {_ms(report.reserve_p50_ms)}, p99 {_ms(report.reserve_p99_ms)}; "
        f"confirm p50 {_ms(report.confirm_p50_ms)}, p99 {_ms(report.confirm_p99_ms)}",
        highlight=False,
        soft_wrap=True,
    )
    total, reserved = sum(s.total for s in stock), sum(s.reserved for s in stock)
    console.print(
        f"stock now: {total:,} total, {reserved:,} reserved, {total - reserved:,} available",
        highlight=False,
    )
    _print_verdict(console, verdict)


def print_links(console: Console, ui_url: str, examples: Mapping[Step, str]) -> None:
    """Print where to look at one checkout of each kind."""
    console.print("\nTimelines in the Web UI:", highlight=False)
    for step in _LINKED:
        if step in examples:
            url = workflow_url(ui_url, examples[step])
            console.print(f"  {step:<10} {url}", highlight=False, markup=False, soft_wrap=True)


def _print_verdict(console: Console, verdict: Verdict) -> None:
    broken = {breach.invariant for breach in verdict.breaches}
    for name, words in _INVARIANTS:
        mark = "[red]BROKEN[/]" if name in broken else "[green]holds[/]"
        console.print(f"{name} {mark}: {words}", highlight=False)
    agreed = "[red]NO[/]" if verdict.disagreements else "[green]yes[/]"
    console.print(f"every answer is what the database says: {agreed}", highlight=False)
    ended = f"[red]NO, {verdict.unended} are open[/]" if verdict.unended else "[green]yes[/]"
    console.print(f"every abandoned hold has ended: {ended}", highlight=False)
    for finding in (*map(str, verdict.breaches), *verdict.disagreements):
        console.print(f"  {finding}", style="red", highlight=False, markup=False)


def _outcomes(report: ReplayReport) -> Sheet:
    outcomes = {
        "held at first": report.held,
        "denied": report.denied,
        "fulfilled": report.fulfilled,
        "cancelled": report.cancelled,
        "expired": report.expired,
        "unavailable": report.unavailable,
        "unknown or failed": report.unknown + report.failed + report.not_asked,
    }
    told = tuple(
        (name, count)
        for name, count in outcomes.items()
        if count or name not in ("unavailable", "unknown or failed")
    )
    return Sheet("What came of the checkouts", told)


def _ms(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:,.0f} ms"
