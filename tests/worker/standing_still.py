"""Checkouts that stand still when they are told to, in workers as an operator starts them.

Once only: whoever takes the checkout's task after that goes on.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RawValue

from holdfast_client.contract.names import CHECKOUT_WORKFLOW
from worker import composition
from workflows.checkout import CheckoutWorkflow

ROOT: Final = Path(__file__).parents[2]
_ONCE: Final = "STANDING_STILL_ONCE"
# Python imports this of itself, wherever it finds it on its path.
_HOOK: Final = "from tests.worker.standing_still import install\n\ninstall()\n"


@workflow.defn(name=CHECKOUT_WORKFLOW)
class StandingStill(CheckoutWorkflow):
    """A checkout that can be told to stand still."""

    @workflow.init
    def __init__(self, *payloads: RawValue) -> None:
        super().__init__(*payloads)

    @workflow.run
    async def run(self, *payloads: RawValue) -> Any:
        return await super().run(*payloads)

    @workflow.signal(name="sleep")
    def sleep(self) -> None:
        """Stay where nothing in Python can interrupt it."""
        if _is_first():
            time.sleep(3_600)

    @workflow.signal(name="stay")
    async def stay(self) -> None:
        """Fail the task, so that the worker has to let go of it, and do not let it."""
        if _is_first():
            self._staying = asyncio.create_task(_stay())
            await asyncio.sleep(0)
            raise RuntimeError("let go of me if you can")


async def _stay() -> None:
    while True:
        with suppress(BaseException):
            await asyncio.get_running_loop().create_future()


def _is_first() -> bool:
    try:
        os.close(os.open(os.environ[_ONCE], os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def install() -> None:
    """Put it in the place of the checkout of every worker of this process."""
    others = [each for each in composition.WORKFLOWS if each is not CheckoutWorkflow]
    composition.WORKFLOWS = (StandingStill, *others)  # type: ignore[misc,assignment]


def has_begun(directory: Path) -> bool:
    """Say whether one stands still by now."""
    return (directory / "once").exists()


def environment(directory: Path) -> Mapping[str, str]:
    """Return what makes workers do it; the directory is for their files."""
    (directory / "sitecustomize.py").write_text(_HOOK)
    return {"PYTHONPATH": f"{directory}:{ROOT}", _ONCE: str(directory / "once")}
