"""What a worker does once it is ready, before it takes work."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from worker import service
from worker.settings import Settings


async def test_collections_pass_over_what_was_there_when_a_worker_was_ready(
    monkeypatch: pytest.MonkeyPatch,
):
    stop = service.Stop()

    @asynccontextmanager
    async def running_worker(*_: object, **__: object) -> AsyncIterator[None]:
        yield
        assert gc.get_freeze_count() > 0
        # As it would be with all that later comes to be.
        assert len(gc.get_objects()) < gc.get_freeze_count()

    monkeypatch.setattr(service, "running_worker", running_worker)
    monkeypatch.setattr(service, "stop_requested", lambda: stop)
    stop.set()
    try:
        assert await service.serve(Settings(database_url="postgresql://nobody/nowhere")) == 0
    finally:
        gc.unfreeze()
