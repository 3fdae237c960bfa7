"""The benchmarks of the whole stack still work. What they measure here means nothing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from benchmarks.case import ONLY_SETTING, Case, Scale
from benchmarks.results import CaseResult, RunResult
from benchmarks.stack.checkouts import CheckoutsCase
from benchmarks.stack.contenders import DBOS, FLOOR, HOLDFAST
from benchmarks.stack.cost import KINDS, CostCase
from benchmarks.stack.scale_out import ScaleOutCase
from benchmarks.stack.storm import StormCase

SMOKE: Final = Scale("smoke")
# The longest first.
CASES: Final[tuple[Case, ...]] = (CostCase(), StormCase(), ScaleOutCase(), CheckoutsCase())

# The limit is for a busy machine.
pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

Results = dict[str, CaseResult]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two cases at a time: they mostly wait, and nobody looks at the figures."""
    directory = tmp_path_factory.mktemp("benchmarks")
    with ThreadPoolExecutor(2) as pool:
        ended = pool.map(lambda case: run(case.name, directory), CASES)
    for program in ended:
        assert program.returncode == 0, program.stderr
    runs = [RunResult.model_validate_json(path.read_bytes()) for path in directory.iterdir()]
    return {case.name: case for run in runs for case in run.cases}


def run(name: str, directory: Path) -> subprocess.CompletedProcess[str]:
    options = ["--smoke", "--only", name, "--out", str(directory / f"{name}.json")]
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("case", CASES[2:], ids=lambda case: case.name)
def test_every_contender_makes_whole_checkouts_and_keeps_count_of_them(
    results: Results, case: Case
):
    result = results[case.name]
    (setting,) = case.settings(SMOKE)
    for contender in {series.contender for series in result.series} | {HOLDFAST, FLOOR, DBOS}:
        for figure in ("rate", "reserve p99", "confirm p99", "client CPU", "CPU in all"):
            assert result.median(contender, setting, figure), (contender, figure)
    measured = [bar for bar in result.bars if bar.text.endswith(setting) or setting in bar.text]
    assert all(bar.value for bar in measured if "busy" not in bar.text)


def test_a_storm_passes_and_all_stock_is_free(results: Results):
    result = results["storm"]
    for figure in ("stock free", "workflows closed", "usual p99", "storm p99", "storm slowest"):
        assert result.median(HOLDFAST, ONLY_SETTING, figure) is not None


def test_every_kind_of_checkout_is_billed_in_whole_actions(results: Results):
    result = results["cost"]
    for kind in KINDS:
        actions = result.median(kind.name, ONLY_SETTING, "actions")
        assert actions, kind.name
        assert actions == round(actions), kind.name
