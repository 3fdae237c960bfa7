"""The checkout service in TypeScript: built from its lock file, run against a real worker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.client.real_shop import RealShop
from tests.client.waiting import closed
from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS
from tests.schemas.payloads import Payload, payloads, validator
from tests.workflows.stage import Stage
from tests.workflows.test_settlement import forget, is_running

Ask = Callable[..., Awaitable[Any]]

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


@pytest.fixture
async def ask(built: Path, shop: RealShop, examples_address: str) -> AsyncIterator[Ask]:
    """Calls a method of the example's client: its answer, or what it throws with its name."""
    script = built / "ask.mjs"
    shutil.copy(Path(__file__).with_name("ask.mjs"), script)
    process = await asyncio.create_subprocess_exec(
        *("node", str(script)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=built,
        env={**os.environ, "TEMPORAL_ADDRESS": examples_address},
    )
    asks, answers = process.stdin, process.stdout
    assert asks
    assert answers

    async def asked(method: str, *arguments: Any) -> Any:
        asks.write(json.dumps([method, *arguments]).encode() + b"\n")
        told = json.loads(await asyncio.wait_for(answers.readline(), HANG_SECONDS))
        return told if "error" in told else told["answer"]

    yield asked
    asks.close()
    assert await asyncio.wait_for(process.wait(), HANG_SECONDS) == 0


def test_the_lock_file_names_versions_and_hashes_and_no_registry():
    lock = (EXAMPLE / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock


# Sets of words may grow, and what a newer server says is of the types that the example has.
_NEWER: Final = """
import type { CheckoutReport, Payment, RefundDue, Shortage } from "./holdfast.js";

export const newer: [Shortage["reason"], CheckoutReport["status"]] = ["quarantined", "backordered"];
export const due: [RefundDue["reason"], Payment["state"]] = ["recalled", "disputed"];
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
        r"held until (\S+)Z",
        "expired: reserve anew",
        "fulfilled, paid by pay_6: 1 shipped",
        "pay_7 is due back: duplicate",
    )
    assert len(said) == len(expected), said
    pairs = zip(expected, said, strict=True)
    assert [pair for pair in pairs if not re.fullmatch(*pair)] == []
    assert said[0] < said[1]
    (sku,) = re.findall(r"MUG-\w+", said[7])
    assert await shop.available(sku) == (0, 0, 0)
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


async def test_a_late_payment_has_the_goods_back_or_the_money(ask: Ask, shop: RealShop):
    await shop.stock("MUG", 2)
    for checkout_id in ("ts-early", "ts-late"):
        await ask("reserve", _request(checkout_id, MUG=2, hold_seconds=60))
        await shop.pass_time(61)
    assert (await ask("status", "ts-late"))["status"] == "expired"
    paid = await ask("confirm", "ts-late", "pay-1", {"late": "reinstate"})
    assert (paid["status"], paid["reinstated"]) == ("fulfilled", True)
    assert await shop.available("MUG") == (0, 0, 0)
    # The webhook comes again, and another one for the same goods.
    again = await ask("confirm", "ts-late", "pay-1", {"late": "reinstate"})
    assert (again["status"], again["lines"]) == ("fulfilled", paid["lines"])
    due = await ask("confirm", "ts-early", "pay-2", {"late": "reinstate"})
    assert (due["status"], due["reason"]) == ("refund_due", "expired")
    assert [short["requested"] for short in due["shortages"]] == [2]
    assert due["standing"]["status"] == "expired"
    # Reserved again it is compared with what was asked for at first.
    same = await ask("reserve", _request("ts-late", MUG=2, hold_seconds=60))
    assert (same["status"], same["reinstated"]) == ("fulfilled", True)
    other = await ask("reserve", _request("ts-late", MUG=1, hold_seconds=60))
    assert (other["error"], other["kind"]) == ("Refused", "CheckoutConflict")


async def test_a_second_payment_is_due_back_whether_open_or_closed(ask: Ask, shop: RealShop):
    await shop.stock("MUG", 5)
    await ask("reserve", _request("ts-sold", MUG=1))
    await ask("confirm", "ts-sold", "pay-1")
    await closed(shop._stage.client, "ts-sold")
    told = await ask("confirm", "ts-sold", "pay-2")
    assert (told["status"], told["payment_reference"]) == ("fulfilled", "pay-1")
    await ask("reserve", _request("ts-kept", MUG=1))
    await ask("confirm", "ts-kept", "pay-3", {"settle": "commit"})
    assert (await ask("confirm", "ts-kept", "pay-4"))["duplicate_payment"]
    unknown = await ask("confirm", "ts-nobody", "pay-5", {"late": "refund"})
    assert (unknown["reason"], unknown["standing"]) == ("unknown_checkout", None)
    assert (await ask("confirm", "ts-no-one", "pay-6"))["error"] == "NotFound"
    due = {each["payment_reference"]: each["reason"] for each in (await ask("refunds"))["refunds"]}
    unknowns = dict.fromkeys(("pay-5", "pay-6"), "unknown_checkout")
    assert due == {"pay-2": "duplicate", "pay-4": "duplicate", **unknowns}
    assert (await ask("refundDone", "pay-2", "sam"))["status"] == "refunded"
    again = await ask("refundDone", "pay-2", "sam")
    assert (again["kind"], again["details"]["state"]) == ("RefundNotDue", "refunded")
    payments = (await ask("status", "ts-sold"))["payments"]
    assert [each["state"] for each in payments] == ["settled", "refunded"]


async def test_a_terminated_hold_is_paid_given_back_changed_and_told(ask: Ask, shop: RealShop):
    await shop.stock("MUG", 9)
    stage = shop._stage
    for checkout_id in ("ts-paid", "ts-back", "ts-more"):
        await ask("reserve", _request(checkout_id, MUG=2))
        await _terminated(stage, checkout_id)
        told = await ask("status", checkout_id)
        assert (told["status"], told["lines"][0]["quantity"]) == ("held", 2)
    assert (await ask("confirm", "ts-paid", "pay-1", {"settle": "commit"}))["status"] == "committed"
    given_back = await ask("cancel", "ts-back", {"reason": "ordered twice", "actor": "sam"})
    assert (given_back["status"], given_back["reason"]) == ("cancelled", "ordered twice")
    amended = await ask("amend", "ts-more", [{"sku": "MUG", "quantity": 3}])
    assert (amended["status"], amended["revision"]) == ("held", 2)
    assert await shop.available("MUG") == (9, 5, 4)
    # They go on, and are lost again: one now by a Temporal that has forgotten it.
    for checkout_id in ("ts-paid", "ts-more"):
        await _terminated(stage, checkout_id)
    await forget(stage, "ts-paid")
    one = [{"sku": "MUG", "quantity": 1}]
    assert (await ask("release", "ts-more", one))["lines"][0]["quantity"] == 2
    assert (await ask("fulfil", "ts-paid", "parcel-1"))["status"] == "fulfilled"
    assert (await ask("amend", "ts-back", one))["kind"] == "HoldNotActive"
    nobodys = await ask("cancel", "ts-nobody")
    assert (nobodys["status"], nobodys["was_known"]) == ("cancelled", False)
    # It bars a reserve that comes late, and is no checkout.
    assert (await ask("status", "ts-nobody"))["error"] == "NotFound"
    assert (await ask("status", "ts-unheard-of"))["error"] == "NotFound"


async def test_what_was_unavailable_is_told_as_that_with_the_payment_that_came_for_it(
    ask: Ask, shop: RealShop
):
    await shop.stock("MUG", 9)
    stage = shop._stage
    stage.shop.sql("ALTER SCHEMA holdfast RENAME TO away")
    try:
        assert (await ask("reserve", _request("ts-away", MUG=2)))["status"] == "unavailable"
    finally:
        stage.shop.sql("ALTER SCHEMA away RENAME TO holdfast")
    await closed(stage.client, "ts-away")
    due = await ask("confirm", "ts-away", "pay-1", {"late": "refund"})
    assert (due["status"], due["reason"]) == ("refund_due", "unavailable")
    told = await ask("status", "ts-away")
    assert told["status"] == "unavailable"
    assert [each["state"] for each in told["payments"]] == ["refund_due"]


async def test_a_run_that_came_to_nothing_hides_nothing_of_what_is_on_record(
    ask: Ask, shop: RealShop
):
    await shop.stock("MUG", 9)
    stage, mine, others = shop._stage, _request("ts-42", MUG=2), _request("ts-42", MUG=1)
    commit = {"settle": "commit"}
    await ask("reserve", mine)
    await _terminated(stage, "ts-42")
    assert (await ask("reserve", mine))["status"] == "held"
    paid = await ask("confirm", "ts-42", "pay-1", commit)
    for change in (
        ("status", "ts-42"), ("confirm", "ts-42", "pay-1", commit),
        ("reserve", mine), ("fulfil", "ts-42", "parcel-1"), ("cancel", "ts-42"),
    ):  # fmt: skip
        if await is_running(stage, "ts-42"):
            await _terminated(stage, "ts-42")
        await stage.till.start("ts-42", {"MUG": 1})
        await closed(stage.client, "ts-42")
        told = await ask(*change)
        assert told.get("status") in {"committed", "fulfilled"}, (change, told)
        assert told["lines"] == paid["lines"]
    assert (await ask("reserve", others))["kind"] == "CheckoutConflict"
    # Where the database knows nothing, why it was refused is all there is to tell.
    refused = {**_request("ts-43", MUG=1), "supersedes": "ts-44", "customer_id": "u-1"}
    await ask("reserve", _request("ts-44", MUG=1))
    for question in (("reserve", refused), ("status", "ts-43"), ("fulfil", "ts-43", "parcel-1")):
        assert (await ask(*question))["kind"] == "CheckoutConflict"
    due = await ask("confirm", "ts-43", "pay-2", {"late": "refund"})
    assert (due["status"], due["reason"]) == ("refund_due", "unknown_checkout")
    assert not (await ask("cancel", "ts-43"))["was_known"]


async def test_a_hold_waits_for_a_payment_in_flight_and_not_for_one_that_failed(
    ask: Ask, shop: RealShop
):
    await shop.stock("MUG", 1)
    held = await ask("reserve", _request("ts-paused", MUG=1, hold_seconds=60))
    waits = await ask("paymentStarted", "ts-paused", "pay-1", 600)
    assert waits["expires_at"] == held["expires_at"] < waits["paying_until"]
    await shop.pass_time(61)
    told = await ask("status", "ts-paused")
    assert (told["status"], told["paying_until"]) == ("held", waits["paying_until"])
    assert (await ask("paymentEnded", "ts-paused", "pay-1", "cancelled"))["status"] == "expired"
    refused = await ask("paymentStarted", "ts-paused", "pay-2", 600)
    assert (refused["kind"], refused["details"]["standing"]["status"]) == (
        "HoldNotActive", "expired",
    )  # fmt: skip
    assert [each["state"] for each in (await ask("status", "ts-paused"))["payments"]] == ["failed"]


async def test_a_shipment_leaves_once_and_its_id_names_no_other(ask: Ask, shop: RealShop):
    await shop.stock("MUG", 4)
    await shop.stock("CUP", 1)
    await ask("reserve", _request("ts-parcels", MUG=2, CUP=1))
    await ask("confirm", "ts-parcels", "pay-1", {"settle": "commit"})
    mug, cup = ({"sku": sku, "quantity": 1} for sku in ("MUG", "CUP"))
    assert (await ask("fulfil", "ts-parcels", "parcel-1", [mug]))["status"] == "committed"
    # Lost and found again in between: the run that goes on has not seen the first parcel leave.
    await _terminated(shop._stage, "ts-parcels")
    last = await ask("fulfil", "ts-parcels", "parcel-2", [mug, cup])
    await closed(shop._stage.client, "ts-parcels")
    assert await shop.available("MUG") == (2, 0, 2)
    for parcel, lines in (("parcel-1", [mug]), ("parcel-2", [cup, mug]), ("parcel-2", None)):
        again = await ask("fulfil", "ts-parcels", parcel, lines)
        assert (again["status"], again["lines"]) == ("fulfilled", last["lines"])
    for parcel, lines in (
        ("parcel-1", [mug, cup]), ("parcel-1", None),
        ("parcel-2", [mug]), ("parcel-2", [{**mug, "quantity": 2}]),
    ):  # fmt: skip
        other = await ask("fulfil", "ts-parcels", parcel, lines)
        assert (other["kind"], other["details"]) == ("OperationConflict", {"differs": ["lines"]})
    assert (await ask("fulfil", "ts-parcels", "parcel-3", [mug]))["kind"] == "HoldNotActive"
    told = await ask("status", "ts-parcels")
    assert [each["shipment_id"] for each in told["shipments"]] == ["parcel-1", "parcel-2"]


def _request(checkout_id: str, hold_seconds: int = 900, **quantities: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
    return {"checkout_id": checkout_id, "lines": lines, "hold_seconds": hold_seconds}


async def _terminated(stage: Stage, checkout_id: str) -> None:
    await stage.till.handle(checkout_id).terminate("by hand")
    await closed(stage.client, checkout_id)


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
