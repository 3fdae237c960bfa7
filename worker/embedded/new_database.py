"""A database file that its server writes at its first start, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# SQLite's own files beside the database.
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")


class NewDatabase:
    """Marks a database as unfinished until its server has answered for the first time.

    Temporal makes its tables in many small steps, and takes a file that exists for a finished one:
    ended in between it would not start again for ever. Nobody has used such a file yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark = path.with_name(f"{path.name}.unfinished")

    def begin(self) -> None:
        """Before a start: clear away what an unfinished first start left, and mark a new one."""
        if self._mark.exists():
            for companion in _COMPANIONS:
                self.path.with_name(self.path.name + companion).unlink(missing_ok=True)
        if not self.path.exists():
            self._mark.touch()

    def is_whole(self) -> None:
        """After the server has answered: from now on the file is kept, whatever happens."""
        self._mark.unlink(missing_ok=True)
