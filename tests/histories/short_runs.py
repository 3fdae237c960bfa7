"""A Temporal whose runs are short."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from worker.embedded.temporal import EmbeddedTemporal

SHORT_RUN_EVENTS: Final = 60


class ShortRuns(EmbeddedTemporal):
    """A server that suggests a new run early, so that the history of one that did stays small."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, time_skipping=True)
        self._settings = self._settings | {
            "limit.historyCount.suggestContinueAsNew": str(SHORT_RUN_EVENTS)
        }
