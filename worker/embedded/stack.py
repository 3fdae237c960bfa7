"""Postgres and Temporal together, under one data directory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from worker.embedded.directory_lock import DirectoryLock
from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.temporal import EmbeddedTemporal


class EmbeddedStack:
    """The two servers that Holdfast needs; all their state is under one directory.

    Args:
        data_dir: made if need be; one stack at a time may use it.
        postgres_port: 1 to 65,535; 0 takes any free one, which then stays for later starts, also
            of another stack on this directory.
        temporal_port: 1 to 65,535; 0 takes any free one, which then stays for later starts.
        ui_port: likewise for Temporal's Web UI; None means no Web UI.
        metrics_port: likewise for Temporal's own metrics; None leaves the choice to Temporal.
        time_skipping: lets a test ask for workflows whose timers end at once.
        announce: told what is going on, in a few words; called from two threads.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres_port: int = 0,
        temporal_port: int = 0,
        ui_port: int | None = None,
        metrics_port: int | None = None,
        time_skipping: bool = False,
        announce: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._given_up = threading.Event()
        self._lock = DirectoryLock(data_dir.resolve())
        self.postgres = EmbeddedPostgres(
            data_dir / "postgres", port=postgres_port, announce=announce, given_up=self._given_up
        )
        self.temporal = EmbeddedTemporal(
            data_dir / "temporal",
            port=temporal_port,
            ui_port=ui_port,
            metrics_port=metrics_port,
            time_skipping=time_skipping,
            announce=announce,
            given_up=self._given_up,
        )

    def start(self) -> None:
        """Start both at once, or whichever of them does not run; all or none.

        Raises:
            EmbeddedServerError: as the two servers do; neither is running then.
        """
        self._lock.acquire()
        try:
            with ThreadPoolExecutor(max_workers=2) as pool:
                starts = [pool.submit(self.postgres.start), pool.submit(self.temporal.start)]
            for start in starts:
                start.result()
        except BaseException:
            self.stop()
            raise

    def give_up(self) -> None:
        """Let a start that is under way end at once with StartGivenUp, and every later one.

        The one method that may be called while another thread starts or stops the stack.
        """
        self._given_up.set()

    def stop(self) -> None:
        """Stop Temporal, then Postgres; does nothing to one that does not run."""
        try:
            self.temporal.stop()
        finally:
            self.postgres.stop()
            self._lock.release()

    def kill(self) -> None:
        """Kill both without a word (SIGKILL), as a power cut would."""
        try:
            self.temporal.kill()
        finally:
            self.postgres.kill()
            self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
