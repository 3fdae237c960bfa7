"""A lock on a data directory, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from worker.embedded.errors import DataDirectoryInUse, DataDirectoryUnusable

_FILE_NAME: Final = "in-use.lock"
_HOLDER_BYTES_MAX: Final = 20


class DirectoryLock:
    """Lets one program at a time use a data directory.

    The kernel gives the lock back when its holder dies, however it dies, so there is no stale lock.
    The file itself stays: removing it would let two programs lock two files of the same name.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock at once, unless we have it; the directory is made if need be.

        Raises:
            DataDirectoryInUse: another holder has it, in this process or another one.
            DataDirectoryUnusable: it cannot be made or written.
        """
        if self._descriptor is not None:
            return
        try:
            self._descriptor = self._locked()
        except OSError as error:
            raise DataDirectoryUnusable(self._directory, error) from error

    def _locked(self) -> int:
        # What lies in it names customers, which is nothing for other accounts of the machine.
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._directory / _FILE_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, _HOLDER_BYTES_MAX).decode().strip()
            os.close(descriptor)
            raise DataDirectoryInUse(self._directory, holder) from None
        try:
            os.truncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def release(self) -> None:
        """Give the lock back; does nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
