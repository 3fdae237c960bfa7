"""The checkout service in TypeScript: built from its lock file, run against a real worker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.client.real_shop import RealShop
from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS
from tests.schemas.payloads import Payload, payloads, validator

EXAMPLE: Final = ROOT / "examples/typescript"
# How npm says that it cannot reach its registry, and not that something is wrong here.
_UNREACHABLE: Final = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E40[1347]|E50\d"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with what its lock file names, type-checked and built."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node.js with npm is not installed")
    copy = tmp_path_factory.mktemp("typescript") / "example"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    installed = _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], copy)
    if installed.returncode and _UNREACHABLE.search(installed.stderr):
        pytest.skip("npm cannot reach its registry")
    assert installed.returncode == 0, installed.stderr
    compiled = _run(["npm", "run", "build"], copy)
    assert compiled.returncode == 0, compiled.stdout
    return copy


def test_the_lock_file_names_versions_and_hashes_and_no_registry():
    lock = (EXAMPLE / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock


# Sets of words may grow, and what a newer server says is of the types that the example has.
_NEWER: Final = """
import type { CheckoutReport, Shortage } from "./holdfast.js";

export const newer: [Shortage["reason"], CheckoutReport["status"]] = ["quarantined", "backordered"];
export const event: CheckoutReport["events"][number]["event"] = "repacked";
"""


def test_a_word_that_the_example_does_not_know_is_text_to_it(built: Path, tmp_path: Path):
    copy = tmp_path / "example"
    shutil.copytree(built, copy, symlinks=True)
    (copy / "src/newer.ts").write_text(_NEWER)
    compiled = _run(["npm", "run", "build"], copy)
    assert compiled.returncode == 0, compiled.stdout


async def test_a_checkout_service_in_typescript_gets_every_answer(
    built: Path, shop: RealShop, examples_address: str
):
    ended = await asyncio.to_thread(
        _run, ["npm", "start"], built, TEMPORAL_ADDRESS=examples_address
    )
    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if line and not line.startswith(">")]
    expected = (
        r"held until (\S+)Z",
        r"held until (\S+)Z",
        *["fulfilled, paid by pay_1: 2 shipped"] * 3,
        r"held until (\S+)Z",
        "cancelled: changed my mind",
        r"denied: MUG-\w+ has 3 of 4",
        r"refused: CheckoutConflict: .*",
        r"events of .*: held, extended, fulfilled",
        r"held until (\S+)Z",
        "committed, paid by pay_4: ship 3",
        "committed, paid by pay_4: ship 2",
        "committed, paid by pay_4: ship 1",
        *["fulfilled, paid by pay_4: 2 shipped"] * 2,
        r"refused: HoldNotActive: checkout \S+ is fulfilled",
        r"events of .*: held, committed, released, shipped, shipped, fulfilled",
    )
    assert len(said) == len(expected), said
    assert all(re.fullmatch(words, line) for words, line in zip(expected, said, strict=True)), said
    assert said[0] < said[1]
    (sku,) = re.findall(r"MUG-\w+", said[7])
    assert await shop.available(sku) == (1, 0, 1)
    sent: list[Payload] = []
    for checkout_id in re.findall(r"events of (\S+):", "\n".join(said)):
        history = await shop._stage.till.handle(checkout_id).fetch_history()
        sent += payloads(json.loads(history.to_json()))
    assert {each.schema for each in sent} == {
        "checkout-request", "extension", "confirmation", "release", "shipment", "outcome",
        "settled",
    }  # fmt: skip
    for payload in sent:
        validator(payload.schema).validate(payload.document)


def _run(command: list[str], directory: Path, **environment: str) -> Any:
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
