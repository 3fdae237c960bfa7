"""The operators' code on the pages, run as it is written and in its order."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import httpx
import psycopg
import pytest
from packaging.requirements import Requirement

from tests.client.waiting import eventually
from tests.directories import NewDirectory
from tests.docs.pages import ROOT, page
from tests.docs.reader import Reader
from tests.monitoring.prometheus import required
from worker.dev import RunningStack
from worker.embedded import EmbeddedPostgres
from workflows.patches import LEARNED

# Each command is a process of its own; only against what hangs.
pytestmark = pytest.mark.timeout(900)

EXAMPLE_PORT: Final = 8000
EXAMPLES: Final = ("examples/django/README.md", "examples/fastapi/README.md")


@pytest.fixture
async def new_server(new_directory: NewDirectory) -> AsyncIterator[EmbeddedPostgres]:
    """A Postgres on which nothing of ours is yet, as an operator has it before the first step."""
    server = EmbeddedPostgres(new_directory("server"))
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


async def test_the_key_of_the_security_page_is_one(reader: Reader):
    (block,) = page("SECURITY.md").blocks("sh")
    told = await reader.shell(f'{block}printf %s "$HOLDFAST_ENCRYPTION_KEYS"')
    name, _, key = told.partition(":")
    assert name == "2026-01"
    assert len(base64.b64decode(key, validate=True)) == 32
    parsed = (
        "from holdfast_client.transport.encryption import keys_from_environment as keys; "
        "print(len(keys()))"
    )
    assert await reader.shell(f"{block}python -c '{parsed}'") == "1\n"


async def test_the_rules_are_checked_as_the_monitoring_page_says(reader: Reader):
    required("promtool")
    block, _ = page("docs/monitoring.md").blocks("sh")
    assert "SUCCESS" in await replace(reader, directory=ROOT).shell(block)


async def test_a_worker_starts_with_the_tracing_of_the_monitoring_page(reader: Reader):
    _, block = page("docs/monitoring.md").blocks("sh")
    await replace(reader, directory=ROOT).shell_until_ready(block)


async def test_the_traced_shop_of_the_monitoring_page_answers(reader: Reader):
    (code,) = page("docs/monitoring.md").blocks("python")
    ask = "print(await (await traced_shop(os.environ['TEMPORAL_ADDRESS'])).list())"
    use = f"\n\nimport asyncio, os\n\n\nasync def main():\n    {ask}\n\n\nasyncio.run(main())\n"
    assert await reader.python(code + use) == "[]\n"


async def test_the_operations_page_sets_up_works_and_moves_in_its_order(
    reader: Reader, dev: RunningStack, new_server: EmbeddedPostgres
):
    operations = page("docs/operations.md")
    roles, work, move = (
        next(block for block in operations.blocks("sh") if word in block)
        for word in ("CREATE ROLE", "user:password@host", "NEW_OWNER_URL")
    )
    (reader.directory / "stock.csv").write_text("sku,quantity\nMUG-01,7\n")
    # The owner on this server is its superuser, too.
    urls = {"OWNER_URL": new_server.url, "SUPERUSER_URL": new_server.url}
    owner = replace(reader, named={**reader.named, **urls})
    assert "role holdfast_worker may do a worker's work" in await owner.shell(roles)
    with psycopg.connect(new_server.url) as link:
        rights = (
            "SELECT has_database_privilege('holdfast_worker', 'holdfast', 'TEMPORARY'), "
            "has_function_privilege('holdfast_worker', 'lo_create(oid)', 'EXECUTE')"
        )
        assert link.execute(rights).fetchone() == (False, False)

    named = work.replace("postgresql://user:password@host/database", new_server.url)
    await reader.shell_until_ready(named.replace("host:7233", dev.temporal_address))

    with psycopg.connect(new_server.url, autocommit=True) as link:
        link.execute("CREATE DATABASE moved")
    moved = f"{new_server.url.removesuffix('holdfast')}moved"
    urls = {"OLD_URL": new_server.url, "NEW_OWNER_URL": moved}
    told = await replace(reader, named={**reader.named, **urls}).shell(move)
    assert "I1, I2, I3, I4, I5 and I6 hold" in told
    with psycopg.connect(moved) as link:
        shown = link.execute("SELECT sku, total FROM holdfast.stock_availability").fetchall()
    assert shown == [("MUG-01", 7)]


async def test_a_day_in_the_warehouse_goes_as_its_page_says(reader: Reader):
    warehouse = page("docs/warehouse.md")
    look, come, new, go, count, paid, parcel, dry, load, sale = warehouse.blocks("sh")
    # The page's mug has been sold before.
    await reader.shell("holdfast adjust opening MUG-01 receive 8 --new")
    assert "applied" in await reader.shell(come)
    assert "applied" in await reader.shell(come), "the same again is applied once"
    assert "MUG-01\tmain\t\t20\t0\t20" in await reader.shell("python -m worker stock show MUG-01")
    assert "created\tyes" in await reader.shell(new)
    await reader.shell(go)
    await reader.shell(look)
    await reader.shell(count)
    await _count_between_payment_and_parcel(reader, paid, parcel)
    (sheet,) = warehouse.blocks("csv")
    (reader.directory / "stock.csv").write_text(sheet)
    assert await reader.shell(dry) == (
        "change\tMUG-01\tmain\t20\t18\t0\t0\nchange\tTEAPOT\tmain\t\t6\t0\t0\n"
    )
    # What has been done since has a time of now, and the page's moment is one in 2031.
    now = datetime.now(UTC).isoformat()
    moment = "2031-03-14T07:30:00+01:00"
    assert moment in load
    assert "2 rows: 1 new, 1 changed" in await reader.shell(load.replace(moment, now))
    told = await reader.shell(sale)
    assert re.findall(r"^for_sale\t(\w+)$", told, re.MULTILINE) == ["no", "yes"]
    history = await reader.shell("python -m worker history MUG-01")
    for word in ("order 4711", "dropped", "order 1001 came back", "spring count", "checked"):
        assert word in history


async def _count_between_payment_and_parcel(reader: Reader, paid: str, parcel: str) -> None:
    """Have a count made where the page makes it, with the figures that the page tells."""
    await reader.shell(paid)
    waiting = "holdfast holds --committed --sku MUG-02"
    assert "cart-882" in await reader.shell(waiting)
    count, sent, show = parcel.splitlines(keepends=True)
    for block, figures in ((count, (10, 3, 7)), (sent, (7, 0, 7))):
        await reader.shell(block)
        shown = json.loads(await reader.shell(show.rstrip() + " --json"))
        (row,) = shown if isinstance(shown, list) else [shown]
        assert (row["total"], row["reserved"], row["available"]) == figures
    assert "cart-882" not in await reader.shell(waiting)


def test_the_code_of_the_versioning_page_is_what_it_tells_of():
    learned, run = page("docs/versioning.md").blocks("python")
    told: dict[str, Any] = {"Final": Final}
    exec(learned, told)
    assert type(told["LEARNED"]) is type(LEARNED)
    # The tests of releases have a workflow that is changed in this way.
    changed = (ROOT / "tests/histories/changed.py").read_text()
    (name,) = told["LEARNED"]
    assert f'PAUSE: Final = "{name}"' in changed
    for line in run.replace(f'"{name}"', "PAUSE").splitlines():
        assert line.strip() in changed


async def test_the_count_of_the_versioning_page_is_answered(reader: Reader):
    (block,) = page("docs/versioning.md").blocks("sh")
    assert "Total: 0" in await reader.shell(block)


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_starts_as_its_page_says(reader: Reader, name: str):
    (block,) = page(name).blocks("sh")
    install, start = block.splitlines()
    for wanted in re.findall(r'"([^"]+)"|(?<= )(\w+)(?= |$)', install.split("./client")[1]):
        requirement = Requirement("".join(wanted))
        assert requirement.specifier.contains(version(requirement.name)), requirement
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", EXAMPLE_PORT)) == 0:
            pytest.skip(f"port {EXAMPLE_PORT}, where the examples listen, is in use")
    process = subprocess.Popen(
        ["bash", "-c", f"exec {start}"],
        cwd=ROOT,
        env=reader.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert await eventually(_is_served, bool)
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


async def _is_served() -> bool:
    try:
        async with httpx.AsyncClient() as web:
            return (await web.get(f"http://127.0.0.1:{EXAMPLE_PORT}/")).is_success
    except httpx.TransportError:
        return False
