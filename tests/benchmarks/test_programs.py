"""The programs beside a benchmark: weighed whole, and never silent when they fail."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from benchmarks.case import Case, Scale
from benchmarks.stack import weighing
from benchmarks.stack.checkouts import CheckoutsCase
from benchmarks.stack.contenders import job_name
from benchmarks.stack.programs import Program, ProgramFailed, Shoppers
from benchmarks.stack.scale_out import ScaleOutCase
from benchmarks.stack.weighing import MemoryWatch, cpu_seconds, memory_megabytes
from holdfast_client.contract.messages import CheckoutRequest, Line

BURNER = textwrap.dedent("""
    import subprocess, sys, time
    burn = "import time\\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    print("burnt", flush=True)
    sys.stdin.read()
""")


@pytest.mark.parametrize("case", [CheckoutsCase(), ScaleOutCase()], ids=lambda case: case.name)
def test_every_setting_of_the_full_run_names_checkouts_that_may_be_asked_for(case: Case):
    """The smoke has the plainest of them only."""
    for setting in case.settings(Scale("full")):
        id = f"{job_name(setting, 5)}-0-399"
        CheckoutRequest(checkout_id=id, lines=(Line(sku="MUG", quantity=1),))


def test_a_program_that_cannot_start_is_told_with_its_own_words(tmp_path: Path):
    with pytest.raises(ProgramFailed, match=r"(?s)benchmarks\.stack\.shoppers nowhere.*KeyError"):
        Shoppers("nowhere", {}, tmp_path / "log")


def test_a_program_that_ends_while_it_is_waited_for_is_told(tmp_path: Path):
    with (
        Program(["this"], {}, tmp_path / "log") as program,
        pytest.raises(ProgramFailed, match="did not come up"),
    ):
        program.wait_for(lambda _: False, seconds_max=60)


def test_processor_time_of_children_that_have_ended_is_counted():
    with subprocess.Popen(
        [sys.executable, "-c", BURNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert cpu_seconds([process.pid]) >= 0.3
        assert memory_megabytes([process.pid]) > 1
        process.communicate()


HOARDER = textwrap.dedent("""
    import sys
    hoard = bytes(range(256)) * 400_000
    print("hoarded", flush=True)
    sys.stdin.readline()
    del hoard
    print("given back", flush=True)
    sys.stdin.read()
""")


def test_the_most_memory_of_a_program_is_seen_though_it_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(weighing, "LOOK_SECONDS", 0.01)
    with subprocess.Popen(
        [sys.executable, "-c", HOARDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        with MemoryWatch({"hoarder": [process.pid], "nobody": []}) as memory:
            time.sleep(0.2)
            process.stdin.write("enough\n")
            process.stdin.flush()
            process.stdout.readline()
            time.sleep(0.2)
        held_at_last = memory_megabytes([process.pid])
        process.stdin.close()
    assert memory.peak_megabytes["hoarder"] > held_at_last + 90
    assert memory.peak_megabytes["nobody"] == 0
