"""Where the servers of tests keep their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

NewDirectory: TypeAlias = Callable[[str], Path]
