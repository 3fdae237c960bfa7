"""What some tests need from Debian, and what to do where it is not installed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, NoReturn

import pytest

_WORDS: Final = "(Debian: apt-get install {})"
_REASON: Final = re.compile(re.escape(_WORDS).replace(r"\{\}", r"([^)]+)"))


def skip_without(what: str, package: str) -> NoReturn:
    """Skip the test that needs ``what``, and say which package has it."""
    pytest.skip(f"{what} is not installed {_WORDS.format(package)}")


def told(reasons: Iterable[str]) -> str | None:
    """Return one line about the tests that were skipped for want of packages, None if none was."""
    missing = Counter(found.group(1) for each in reasons if (found := _REASON.search(each)))
    if not missing:
        return None
    counts = ", ".join(f"{package} ({count})" for package, count in sorted(missing.items()))
    return f"skipped for want of packages: {counts}. To have them: make system-packages, as root"
