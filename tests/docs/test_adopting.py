"""The four shops of the examples, shown as their page says."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import version
from typing import Final

import psycopg
import pytest
from packaging.requirements import Requirement

from tests.adoption.shops import need_rails
from tests.docs.pages import ROOT, page
from tests.docs.reader import Reader
from worker.dev import RunningStack

# Each command is a process of its own; only against what hangs.
pytestmark = pytest.mark.timeout(900)

SHOWN: Final = {
    "shop_a": "buy the second: bought; 3 mugs, 2 reserved, carts checked_out, checked_out",
    "shop_b": "pay: True; 3 mugs, 2 reserved, 1 rows of reservations",
    "shop_c": "pay: True; 3 mugs, 2 reserved, 0 lines in the cart",
    "shop_d": "hold the cart of 3: False; 3 in the cart",
}


@pytest.mark.parametrize("shop", SHOWN)
async def test_a_shop_is_shown_as_its_page_says_and_nothing_of_it_stays(
    reader: Reader, dev: RunningStack, shop: str
):
    if shop == "shop_a":
        need_rails()
    adopting = page("examples/adopting/README.md")
    ((_, _, command),) = adopting.rows(f"`{shop}`")
    reader = replace(reader, directory=ROOT)
    # Twice, for it is to be shown to colleagues too; the shops in Django share what clears up.
    for _ in range(2 if shop in {"shop_a", "shop_b"} else 1):
        told = await reader.shell(command.strip("`"))
        assert told.index("before: its own code alone") < told.index("nothing is in the way")
        assert SHOWN[shop] in told
        assert told.endswith("nothing of Holdfast is there any more\n")
    with psycopg.connect(dev.settings.database) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert tables == []


async def test_the_commands_of_the_examples_are_those_of_their_page(reader: Reader):
    adopting = page("examples/adopting/README.md")
    (block,) = adopting.blocks("sh")
    named, install, start = block.splitlines()
    assert named.startswith("export HOLDFAST_DATABASE_URL=postgresql://")
    assert f"`{start}`" in [row[2] for row in adopting.rows("`shop_.`")]
    (wanted,) = re.findall(r'"([^"]+)"', install)
    assert Requirement(wanted).specifier.contains(version("django"))
    refused = "! python -m examples.adopting shop_x 2>&1"
    assert "which shop?" in await replace(reader, directory=ROOT).shell(refused)
