"""``python -m benchmarks``: measures, says how far it is on stderr, and prints tables or JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.case import Case, CaseFailed, Scale, ScaleName
from benchmarks.catalogue import all_cases
from benchmarks.record import read_summary, renewed, run_result, write_docs, write_run
from benchmarks.report import print_report
from benchmarks.results import CaseResult, RunResult
from benchmarks.rounds import run_case
from holdfast_client.cli.orders.columns import OrderFileError
from holdfast_client.terminal.ending import end_process
from worker.embedded.errors import EmbeddedServerError
from worker.logs import configure_logs

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
_began: Final = time.monotonic()


def main(  # noqa: PLR0917  # each is an option by its name
    only: Annotated[
        list[str] | None, typer.Option(help="The case to run, by name; several if repeated.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A look: less of everything.")] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Does it work? The figures mean nothing.")
    ] = False,
    orders: Annotated[Path | None, typer.Option(help="An order file to replay as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not tables.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file, too.")] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write-docs", help="Put what was measured into docs/performance.json and .md."
        ),
    ] = False,
    measure: Annotated[
        bool, typer.Option(help="Without it, the summary in docs/ is shown or written anew.")
    ] = True,
) -> None:
    """Measure Holdfast and its peers on servers of their own."""
    configure_logs("error", "text")
    scale = Scale(_scale_name(quick=quick, smoke=smoke))
    everything = all_cases(orders)
    cases = _chosen(everything, only)
    failures: list[str] = []

    def keep(result: RunResult) -> None:
        if write:
            write_docs(renewed(read_summary(), result, everything), everything)
        if out:
            write_run(result, out)

    result = _measured(cases, scale, failures, keep) if measure else _recorded()
    keep(result)
    if as_json:
        print(result.model_dump_json())
    else:
        print_report(result, everything)
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        raise typer.Exit(EXIT_FAILED)


def _scale_name(*, quick: bool, smoke: bool) -> ScaleName:
    if quick and smoke:
        raise typer.BadParameter("--quick and --smoke exclude each other")
    return "smoke" if smoke else "quick" if quick else "full"


def _chosen(cases: Sequence[Case], names: Sequence[str] | None) -> list[Case]:
    known = [case.name for case in cases]
    if unknown := [name for name in names or [] if name not in known]:
        raise typer.BadParameter(f"{unknown[0]!r} is no case; there are: {', '.join(known)}")
    return [case for case in cases if not names or case.name in names]


def _measured(
    cases: Sequence[Case], scale: Scale, failures: list[str], keep: Callable[[RunResult], None]
) -> RunResult:
    """Run the cases one after the other; one that fails is told, and the others still run.

    After each, what there is by then is kept: a later one may take an hour, and not come to an end.
    """
    results: list[CaseResult] = []
    for case in cases:
        try:
            results.append(run_case(case, scale, _announce))
            keep(run_result(results, scale))
        except (CaseFailed, EmbeddedServerError, OrderFileError) as error:
            failures.append(f"{case.name} failed, so it has no figures: {error}")
            _announce(failures[-1])
    return run_result(results, scale)


def _recorded() -> RunResult:
    summary = read_summary()
    if summary is None:
        raise typer.BadParameter("nothing is on record yet: measure first")
    return summary


def _announce(line: str) -> None:
    elapsed = int(time.monotonic() - _began)
    print(f"{elapsed // 60:3}:{elapsed % 60:02} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SystemExit as end:
        end_process(end.code if isinstance(end.code, int) else EXIT_USAGE)
