"""How long a test waits for what may hang. No test is about this figure, and none gets near it."""

from __future__ import annotations

from typing import Final

# A test ends after 600 s at the latest (pyproject.toml). A command takes seconds, and on a machine
# that has ten others to run, a minute or more.
HANG_SECONDS: Final = 300
