"""The README's code, run as it is written against everything that `make dev` starts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.directories import NewDirectory
from tests.docs.pages import page
from worker.dev import RunningStack, running_stack

LINES_MAX: Final = 15
RUN_SECONDS_MAX: Final = 60


@pytest.fixture(scope="module")
async def dev(new_directory: NewDirectory) -> AsyncIterator[RunningStack]:
    async with running_stack(new_directory("readme")) as running:
        yield running


async def test_the_checkout_of_the_readme_holds_and_sells(dev: RunningStack, tmp_path: Path):
    code, _ = page("README.md").blocks("python")
    first = await _run(code, dev, tmp_path)
    assert "held until 20" in first
    assert "status='fulfilled' payment_reference='pay_1'" in first
    again = await _run(code, dev, tmp_path)
    assert again.startswith("nothing held: status='fulfilled'")


async def test_the_sync_code_of_the_readme_holds_and_gives_back(dev: RunningStack, tmp_path: Path):
    checkout, code = page("README.md").blocks("python")
    await _run(checkout, dev, tmp_path)  # receives the stock
    held, cancelled = (await _run(code, dev, tmp_path)).splitlines()
    assert held.startswith("status='held'")
    assert cancelled.startswith("status='cancelled' reason='changed my mind'")


async def test_the_commands_of_the_readme_answer(dev: RunningStack, tmp_path: Path):
    code, _ = page("README.md").blocks("python")
    await _run(code, dev, tmp_path)
    status = "import sys; from holdfast_client.cli import main; sys.exit(main())"
    assert "fulfilled" in await _python(["-c", status, "status", "cart-42"], dev)
    assert "healthy" in await _python(["-m", "worker", "health"], dev)
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,quantity\nCUP-07,5\n")
    assert "1 new" in await _python(["-m", "worker", "stock", "load", str(stock)], dev)


def test_the_checkout_of_the_readme_is_short():
    code, _ = page("README.md").blocks("python")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= LINES_MAX


async def _run(code: str, dev: RunningStack, directory: Path) -> str:
    script = directory / "checkout.py"
    script.write_text(code)
    return await _python([str(script)], dev)


async def _python(arguments: list[str], dev: RunningStack) -> str:
    """Run Python beside the event loop, which the stack's own worker needs."""
    clean = {name: text for name, text in os.environ.items() if "TEMPORAL" not in name}
    environment = {
        **clean,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "TEMPORAL_ADDRESS": dev.temporal_address,
        "HOLDFAST_DATABASE_URL": dev.settings.database,
    }
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
