"""The ledger's benchmarks, each run once and small: they end, and those who keep count do so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.case import Case, Reading, Scale
from benchmarks.ledger.cases import CASES

SMOKE = Scale("smoke")


def _run(case: Case, directory: Path) -> tuple[dict[str, list[Reading]], dict[str, list[Reading]]]:
    """Return what each contender's rounds read, and what its audit read."""
    directory.mkdir(parents=True)
    with case.open(directory, SMOKE, lambda _: None) as contenders:
        for contender in contenders:
            contender.prepare()
        rounds = {
            contender.name: [
                reading for setting in case.settings(SMOKE) for reading in contender.run(setting, 1)
            ]
            for contender in contenders
        }
        return rounds, {contender.name: list(contender.audit()) for contender in contenders}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_measures_every_figure_that_it_shows_and_its_audit_finds_nothing_wrong(
    case: Case, data_dir: Path
) -> None:
    rounds, audits = _run(case, data_dir)
    figures = {figure for view in case.views for figure in view.figures}
    for name, readings in rounds.items():
        assert figures <= {reading.figure for reading in [*readings, *audits[name]]}, name
    for name, audit in audits.items():
        oversold = sum(reading.value for reading in audit if reading.figure == "oversold")
        assert oversold == 0 or name == "read, then increment"
