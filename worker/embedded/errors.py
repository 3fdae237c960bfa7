"""What can go wrong with an embedded server.

::

    EmbeddedServerError
      DataDirectoryInUse     another running program holds this data directory
      DataDirectoryUnusable  the data directory cannot be made or written
      PortInUse              the port that was asked for is taken
      ServerDidNotStart      the server ended or stayed silent; carries the end of its log
      StartGivenUp           nobody waits for the start any more
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

_REMEDY: Final = "Put that right and start again."
_REMEDIES: Final = {
    errno.EACCES: "Let this account write there.",
    errno.EPERM: "Let this account write there.",
    errno.EEXIST: "Move away the file that is in its place.",
    errno.ENOTDIR: "Move away the file that is in its place.",
    errno.EROFS: "Its file system is read-only; make it writable.",
    errno.ENOSPC: "Its file system is full; make room.",
    errno.EDQUOT: "This account's quota is used up; make room.",
}


class EmbeddedServerError(Exception):
    """Base of every error of the embedded servers."""


class DataDirectoryInUse(EmbeddedServerError):
    """Another running program holds the data directory."""

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"The data directory {directory} is in use by process {holder or 'unknown'}. "
            "Stop that one first, or choose another data directory."
        )


class DataDirectoryUnusable(EmbeddedServerError):
    """The data directory, or something in it, cannot be made, read or written.

    Args:
        directory: the data directory.
        error: what the system said; it names the file.
    """

    def __init__(self, directory: Path, error: OSError) -> None:
        place = error.filename or directory
        super().__init__(
            f"The data directory {directory} cannot be used: {error.strerror or error} ({place}). "
            f"{_REMEDIES.get(error.errno or 0, _REMEDY)} Or choose another data directory."
        )


class PortInUse(EmbeddedServerError):
    """The port that was asked for is taken by another program."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(
            f"Port {port} on 127.0.0.1 is in use. Stop what listens there, "
            "or choose another port; 0 takes any free one."
        )


class ServerDidNotStart(EmbeddedServerError):
    """The server ended, or did not answer in time.

    Args:
        name: the server, as shown to people.
        problem: what happened, as the end of a sentence.
        log_path: where the server's whole output is.
        log_tail: the last lines of it.
    """

    def __init__(self, name: str, problem: str, log_path: Path, log_tail: str) -> None:
        self.log_tail = log_tail
        super().__init__(
            f"{name} did not start: it {problem}. The last lines of {log_path}:\n"
            f"{log_tail or '(the log is empty)'}\n"
            "Put right what they name and start again; "
            f"if this data may go, remove {log_path.parent} instead."
        )


class StartGivenUp(EmbeddedServerError):
    """Whoever asked for the start does not wait for it any more; nothing of it is left running."""

    def __init__(self) -> None:
        super().__init__("The start was given up.")
