"""Temporal's database: begun anew where its first start was cut short, and kept ever after."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.embedded import EmbeddedTemporal, ServerDidNotStart
from worker.embedded.new_database import NewDatabase


def cut_short(directory: Path) -> None:
    """Leave what a start leaves that is killed while it makes its tables."""
    directory.mkdir(parents=True)
    NewDatabase(directory / "temporal.db").begin()
    (directory / "temporal.db").touch()


def test_a_first_start_that_was_killed_in_the_middle_does_not_break_the_next(data_dir: Path):
    cut_short(data_dir)
    with EmbeddedTemporal(data_dir) as server:
        assert server.pid


def test_such_a_file_would_break_every_start_if_it_stayed(data_dir: Path):
    cut_short(data_dir)
    (data_dir / "temporal.db.unfinished").unlink()
    with pytest.raises(ServerDidNotStart, match="no such table"), EmbeddedTemporal(data_dir):
        pass


def test_a_database_that_has_served_is_kept(data_dir: Path):
    path = data_dir / "temporal.db"
    with EmbeddedTemporal(data_dir):
        began = path.stat().st_ino
    with EmbeddedTemporal(data_dir):
        assert path.stat().st_ino == began
