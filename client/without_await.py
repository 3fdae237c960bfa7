"""Write the methods for code without an event loop: ``make sync``.

Each file of ``holdfast_client/methods`` is written again to ``holdfast_client/sync_methods``,
without ``async`` and ``await`` and with the names below. Nothing else differs, so that signatures
and descriptions are the same.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parent / "holdfast_client"
METHODS: Final = PACKAGE / "methods"
SYNC_METHODS: Final = PACKAGE / "sync_methods"

_HEAD: Final = "# Made of methods/{name} by `make sync`: change that file.\n"
_WITHOUT_AWAIT: Final[Mapping[str, str]] = {
    r"\basync (def|for|with)\b": r"\1",
    r"\bawait ": "",
    r"\b__a(enter|exit)__\b": r"__\1__",
    r"\bholdfast_client\.methods\b": "holdfast_client.sync_methods",
    r"\b(Reservations|Transport)\b": r"Sync\1",
}


def sync_methods() -> dict[str, str]:
    """Return the text of each file of ``sync_methods`` by its name."""
    sources = sorted(METHODS.glob("*.py"))
    return {path.name: without_await(path.name, path.read_text("utf-8")) for path in sources}


def without_await(name: str, source: str) -> str:
    """Return a source file for callers that do not await, in the one format."""
    for found, put in _WITHOUT_AWAIT.items():
        source = re.sub(found, put, source)
    text = _HEAD.format(name=name) + source
    return _ruff("format", name, _ruff("check", name, text, "--select", "I", "--fix-only"))


def _ruff(command: str, name: str, text: str, *options: str) -> str:
    words = (sys.executable, "-m", "ruff", command, "--quiet", *options)
    done = subprocess.run(
        [*words, "--stdin-filename", str(SYNC_METHODS / name), "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    for name, text in sync_methods().items():
        (SYNC_METHODS / name).write_text(text, "utf-8")
