"""What can go wrong with an embedded server.

::

    EmbeddedServerError
      DataDirectoryInUse   another running program holds this data directory
      PortInUse            the port that was asked for is taken
      ServerDidNotStart    the server ended or stayed silent; carries the end of its log
"""

from __future__ import annotations

from pathlib import Path


class EmbeddedServerError(Exception):
    """Base of every error of the embedded servers."""


class DataDirectoryInUse(EmbeddedServerError):
    """Another running program holds the data directory."""

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"The data directory {directory} is in use by process {holder or 'unknown'}. "
            "Stop that one first, or choose another data directory."
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
