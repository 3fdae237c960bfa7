"""The READMEs' code, run as it is written, in their order, against all that `make dev` starts."""

from __future__ import annotations

import base64
import inspect
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

import holdfast_client
from holdfast_client import AvailabilityReader, HoldfastError, Reservations
from tests.docs.pages import ROOT, Page, page
from tests.docs.reader import Reader
from tests.inventory.databases import make_reader

# Each command is a process of its own; only against what hangs.
pytestmark = pytest.mark.timeout(900)

LINES_MAX: Final = 15
CLIENT: Final = page("client/README.md")


async def test_the_checkout_of_the_readme_holds_and_sells(reader: Reader):
    code, _ = page("README.md").blocks("python")
    first = await reader.python(code)
    assert "held until 20" in first
    assert "status='fulfilled' payment_reference='pay_1'" in first
    again = await reader.python(code)
    assert again.startswith("nothing held: status='fulfilled'")


async def test_the_sync_code_of_the_readme_holds_and_gives_back(reader: Reader):
    checkout, code = page("README.md").blocks("python")
    await reader.python(checkout)  # receives the stock
    held, cancelled = (await reader.python(code)).splitlines()
    assert held.startswith("status='held'")
    assert cancelled.startswith("status='cancelled' reason='changed my mind'")


async def test_the_commands_of_the_readme_answer(reader: Reader):
    code, _ = page("README.md").blocks("python")
    await reader.python(code)
    assert "fulfilled" in await reader.shell("holdfast status cart-42")
    assert "healthy" in await reader.shell("python -m worker health")
    (reader.directory / "stock.csv").write_text("sku,quantity\nTEA-01,5\n")
    assert "1 new" in await reader.shell("python -m worker stock load stock.csv")


def test_the_checkout_of_the_readme_is_short():
    code, _ = page("README.md").blocks("python")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= LINES_MAX


async def test_the_client_installs_as_its_page_says(reader: Reader):
    block, _ = CLIENT.blocks("sh")
    (reader.directory / "client").symlink_to(ROOT / "client")
    # Into a directory of its own, and what it needs is there already.
    offline = "pip install --no-index --no-deps --no-build-isolation --upgrade --target installed"
    await reader.shell(block.replace("pip install", offline))
    assert (reader.directory / "installed/holdfast_client/py.typed").exists()


async def test_the_code_of_the_clients_page_runs_after_that_of_the_readme(reader: Reader):
    checkout, sync, parts, encrypted, for_one, for_many, tests = CLIENT.blocks("python")
    told = await reader.python(checkout)
    assert "held until 20" in told
    assert "payment_reference='pay_901'" in told
    assert await reader.python(sync) == "held\n"
    open_lines, last = (await reader.python(parts)).splitlines()
    assert open_lines.startswith("to be shipped: (HeldLine(sku='BOWL-02', location='main'")
    assert last == "fulfilled"
    _, commands = CLIENT.blocks("sh")
    told = await reader.shell(commands)
    assert re.findall(r"^status\t(\w+)$", told, re.MULTILINE) == [
        *("held", "committed", "committed", "committed", "fulfilled"),
    ]
    key = f"2026-01:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    with_keys = replace(reader, named={**reader.named, "HOLDFAST_ENCRYPTION_KEYS": key})
    assert "checkouts" in await with_keys.python(encrypted)
    await _read_availability(reader, for_one, for_many)
    (reader.directory / "test_shop.py").write_text(tests)
    # As a newcomer has it: without this project's settings, and without plugins.
    plain = (
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -c /dev/null --rootdir . test_shop.py"
    )
    assert "1 passed" in await reader.shell(plain)


async def _read_availability(reader: Reader, for_one: str, for_many: str) -> None:
    url = make_reader(reader.named["HOLDFAST_DATABASE_URL"])
    of_page = replace(reader, named={**reader.named, "HOLDFAST_READER_URL": url})
    assert await of_page.python(for_one) == "CUP-07 for sale: 2\n"
    first, second, *pages = (await of_page.python(for_many)).splitlines()
    assert (first, second) == ("CUP-07 2", "HAT-01 nobody knows it")
    assert all(page.startswith("a page: ['") for page in pages)
    assert {"BOWL-02", "CUP-07"} <= set(re.findall(r"'(.*?)'", "".join(pages)))


def test_no_page_for_newcomers_reuses_an_id_of_another():
    readme, client = (
        set(re.findall(r'"((?:cart|delivery|pay)[-_]\d+)"', "".join(read.blocks("python")[:3])))
        for read in (page("README.md"), CLIENT)
    )
    assert readme
    assert client
    assert readme & client == set()


def test_the_methods_of_the_clients_page_are_called_as_it_says():
    told = {row[0].strip("`") for row in CLIENT.rows(r"`\w+\(.*\)`")}
    asked = {**_methods(Reservations), **_methods(AvailabilityReader)}
    # The page tells of closing in its prose.
    assert told == {_as_called(name, method) for name, method in asked.items() if name != "close"}


@pytest.mark.parametrize(
    "read", [CLIENT, page("docs/outcomes.md")], ids=lambda read: read.path.name
)
def test_every_error_of_the_client_is_on_its_pages(read: Page):
    kinds = (
        name
        for name in holdfast_client.__all__
        if inspect.isclass(kind := getattr(holdfast_client, name))
        and issubclass(kind, HoldfastError)
    )
    assert {f"`{name}`" for name in kinds} <= set(re.findall(r"`\w+`", read.text))


def _methods(kind: type) -> dict[str, Callable[..., object]]:
    return {
        name: method
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if name[0] != "_"
    }


def _as_called(name: str, method: Callable[..., object]) -> str:
    signature = inspect.signature(method)
    _, *asked = signature.parameters.values()
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in asked]
    plain = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
    return f"{name}{plain}".replace("'", '"')
