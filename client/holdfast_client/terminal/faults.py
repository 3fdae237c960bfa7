"""A fault of the program's own: one sentence for the person, the traceback in a file."""

from __future__ import annotations

import os
import tempfile
import traceback

from holdfast_client.contract.fields import excerpt

_WORDS_LENGTH_MAX = 200


def told_fault(error: Exception) -> str:
    """Write where an unforeseen error happened to a file, and return what to tell the person.

    The file is in the directory for temporary files, and its owner alone can read it.
    """
    words = excerpt(" ".join(str(error).split()), _WORDS_LENGTH_MAX)
    sentence = f"a fault in Holdfast itself: {type(error).__name__}: {words}".rstrip(": ")
    try:
        descriptor, path = tempfile.mkstemp(prefix="holdfast-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError as problem:
        return f"{sentence}; where it happened could not be written: {problem}"
    return f"{sentence}; where it happened is in {path}, please report it"
