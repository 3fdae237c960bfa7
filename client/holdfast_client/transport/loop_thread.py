"""An event loop in a daemon thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, Final, TypeVar

from holdfast_client.contract.errors import HoldfastError, OutcomeUnknown

_START_SECONDS_MAX: Final = 10.0
_STOP_SECONDS_MAX: Final = 5.0

_Answer = TypeVar("_Answer")


class LoopThread:
    """Runs coroutines for other threads, in the process that made it."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._main, name="holdfast-client", daemon=True)
        self._thread.start()
        self._loop = self._started.result(_START_SECONDS_MAX)

    def run(self, work: Coroutine[Any, Any, _Answer], timeout_seconds: float) -> _Answer:
        """Run ``work`` and wait; whatever interrupts the wait (Ctrl-C too) cancels the work.

        Raises:
            HoldfastError: the loop was stopped before.
            OutcomeUnknown: it was stopped meanwhile, or ``timeout_seconds`` went by.
        """
        future = self._submitted(work)
        try:
            return future.result(timeout_seconds)
        except CancelledError:
            raise OutcomeUnknown(
                "the client was closed while a call was waiting; ask again with the same id"
            ) from None
        except TimeoutError:
            raise OutcomeUnknown(
                f"no answer within {timeout_seconds:g} s from the client's own thread; "
                "ask again with the same id"
            ) from None
        finally:
            future.cancel()

    def stop(self) -> None:
        """Cancel what runs and end the thread. Does nothing twice, nor in a forked child."""
        # A child of a fork has no such thread, and shares the loop's descriptors with its parent.
        if os.getpid() != self._pid or not self._thread.is_alive():
            return
        with contextlib.suppress(RuntimeError):  # it ended by itself in between
            self._loop.call_soon_threadsafe(self._is_stopping.set)
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP_SECONDS_MAX)

    def _submitted(self, work: Coroutine[Any, Any, _Answer]) -> Future[_Answer]:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise HoldfastError("the client is closed; make a new one") from None

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._is_stopping = asyncio.Event()
        self._started.set_result(asyncio.get_running_loop())
        await self._is_stopping.wait()
