"""The port of a server that had the choice, kept for its next start in the same directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from worker.embedded.errors import PortInUse
from worker.embedded.ports import choose_ports

_ANY: Final = 0
_PORT_MAX: Final = 65_535


class KeptPort:
    """One number in a file: bookmarks and settings that name it stay true over restarts."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "port"

    def find(self, announce: Callable[[str], None]) -> int:
        """Return the port of the start before, or 0 for any where it is taken or there is none."""
        port = self._read()
        if port == _ANY:
            return _ANY
        try:
            choose_ports([port])
        except PortInUse:
            announce(f"port {port}, which Postgres had before, is in use; it takes another")
            return _ANY
        return port

    def keep(self, port: int) -> None:
        """Write the port down, unless it stands there."""
        if port != self._read():
            self._path.write_text(f"{port}\n")

    def _read(self) -> int:
        try:
            text = self._path.read_text("ascii", errors="replace").strip()
        except FileNotFoundError:
            return _ANY
        # Whatever else a person may have put there is as good as nothing.
        return int(text) if text.isdecimal() and int(text) <= _PORT_MAX else _ANY
