"""What is pasted into a shell goes on after a command that failed, unless the lines say otherwise.

Tests of the pages end a block at its first failure, as no terminal does. So the blocks whose steps
must not run after one that failed are pasted here, with programs that fail in its place.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import page
from tests.limits import HANG_SECONDS

# From which heading up to which.
SECTIONS: Final = (
    ("\n## A new version\n", "\n## Migrations without downtime\n"),
    ("\n## Backup\n", "\n## The image\n"),
)
PROGRAMS: Final = ("docker", "kubectl", "pg_dump", "pg_restore", "python", "sh")
# Notes that it ran, and fails if it is the one that is to; what it printed until then is not whole.
STUB: Final = """#!/bin/bash
echo "${0##*/} $*" >>calls
echo today
[ "$(wc -l <calls)" != "$FAILING" ]
"""


def irreversible() -> list[str]:
    """Return the blocks of the sections on a new version, backup, restore and the move."""
    operations = page("docs/operations.md")
    section = "".join(
        operations.text.partition(first)[2].partition(last)[0] for first, last in SECTIONS
    )
    return [block for block in operations.blocks("sh") if block.splitlines()[0] in section]


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A directory with programs that do nothing, and with yesterday's dump."""
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        (tmp_path / "bin" / name).write_text(STUB)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "ledger.dump").write_text("yesterday")
    return tmp_path


def paste(block: str, shell: Path, *, failing: int) -> list[str]:
    """Type a block into a shell and return the programs that ran; one of them fails.

    Args:
        block: commands.
        shell: its directory.
        failing: which of them, from 1; none if it is 0.
    """
    (shell / "calls").write_text("")
    subprocess.run(
        ["/bin/bash", "--norc", "--noprofile"],
        input=block,
        cwd=shell,
        env={"PATH": f"{shell / 'bin'}:{os.defpath}", "FAILING": str(failing)},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    return (shell / "calls").read_text().splitlines()


def test_the_steps_of_backup_restore_and_move_are_found():
    found = "".join(irreversible())
    assert re.findall(r"run --rm migrate|migrate.yaml|pg_dump|restore\.sh|pg_restore", found) == [
        "run --rm migrate",
        "migrate.yaml",
        "pg_dump",
        "restore.sh",
        "pg_dump",
        "pg_restore",
    ]


@pytest.mark.parametrize("block", irreversible(), ids=lambda block: block.split("\n")[0])
def test_no_step_runs_after_one_that_failed(block: str, shell: Path):
    steps = paste(block, shell, failing=0)
    assert steps
    for number in range(1, len(steps) + 1):
        assert paste(block, shell, failing=number) == steps[:number]


def test_a_backup_that_fails_leaves_the_one_before(shell: Path):
    (backup,) = (block for block in irreversible() if "> ledger.dump" in block)
    paste(backup, shell, failing=1)
    assert (shell / "ledger.dump").read_text() == "yesterday"
    paste(backup, shell, failing=0)
    assert (shell / "ledger.dump").read_text() == "today\n"
