"""Root starts Postgres as another account, and opens no more for it than it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker.embedded.accounts import let_pass, let_read, server_account


@pytest.mark.parametrize(
    ("before", "after"), [(0o700, 0o701), (0o750, 0o751), (0o755, 0o755), (0o711, 0o711)]
)
def test_a_directory_may_be_passed_through_but_not_listed(tmp_path: Path, before: int, after: int):
    directory = tmp_path / "home"
    directory.mkdir()
    directory.chmod(before)
    said: list[str] = []

    let_pass(directory / "data", said.append)

    assert directory.stat().st_mode & 0o777 == after
    assert any(str(directory) in line for line in said) == (before != after)


@pytest.mark.parametrize(
    ("before", "after"), [(0o700, 0o705), (0o600, 0o604), (0o755, 0o755), (0o644, 0o644)]
)
def test_program_files_become_readable_and_stay_as_runnable_as_they_were(
    tmp_path: Path, before: int, after: int
):
    tree = tmp_path / "programs"
    tree.mkdir()
    file = tree / "file"
    file.touch(before)
    file.chmod(before)

    let_read(tree)

    assert file.stat().st_mode & 0o777 == after


def test_only_root_needs_another_account():
    account = server_account()

    assert (account is not None) == (os.geteuid() == 0)
    assert account is None or account.uid != 0
