"""The shop in FastAPI: its API as its page calls it, against a real worker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from examples.fastapi import shop as example
from holdfast_client import ReservationClient
from tests.client.real_shop import RealShop
from tests.examples.conftest import ANSWER_TIMEOUT_SECONDS, HASTY_SECONDS
from tests.limits import HANG_SECONDS
from tests.workflows.stage import Stage, at_work
from tests.workflows.till import Till


class Recorded(example.Payments):
    """A payment provider that writes down what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def authorise(self, attempt: UUID) -> str:
        self.told.append("authorise")
        return await super().authorise(attempt)

    async def capture(self, reference: str) -> None:
        self.told.append("capture")

    async def release(self, reference: str) -> None:
        self.told.append("release")

    async def refund(self, reference: str) -> None:
        self.told.append("refund")


@pytest.fixture
def payments(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded()
    monkeypatch.setattr(example, "payments", recorded)
    return recorded


@pytest.fixture
async def web(
    examples_address: str, monkeypatch: pytest.MonkeyPatch, payments: Recorded
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", examples_address)
    monkeypatch.setattr(example, "ANSWER_TIMEOUT_SECONDS", ANSWER_TIMEOUT_SECONDS)
    transport = httpx.ASGITransport(example.app)
    async with (
        example.lifespan(example.app),
        httpx.AsyncClient(transport=transport, base_url="http://shop", timeout=HANG_SECONDS) as web,
    ):
        yield web


def _cart(quantity: int, sku: str = "MUG-01") -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": quantity}], "customer_id": "u-17"}


async def test_a_cart_is_held_with_its_deadline_and_sold(
    shop: RealShop, web: httpx.AsyncClient, payments: Recorded
):
    await shop.stock("MUG-01", 5)
    checkout = f"/checkouts/{uuid4()}"
    held = (await web.put(checkout, json=_cart(2))).json()
    status = (await web.get(checkout)).json()
    assert held["status"] == "held"
    assert held["expires_at"] == status["expires_at"]
    assert (await web.post(f"{checkout}/payment")).json()["status"] == "fulfilled"
    assert payments.told == ["authorise", "capture"]
    assert await shop.available("MUG-01") == (3, 0, 3)


async def test_what_is_sent_twice_holds_once(shop: RealShop, web: httpx.AsyncClient):
    await shop.stock("MUG-01", 5)
    checkout = f"/checkouts/{uuid4()}"
    answers = [(await web.put(checkout, json=_cart(2))).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert await shop.available("MUG-01") == (5, 2, 3)


async def test_a_denial_is_an_answer_and_names_what_is_short(
    shop: RealShop, web: httpx.AsyncClient
):
    await shop.stock("MUG-01", 1)
    answer = await web.put(f"/checkouts/{uuid4()}", json=_cart(2))
    assert answer.status_code == 200
    (short,) = answer.json()["shortages"]
    assert (short["sku"], short["requested"], short["available"]) == ("MUG-01", 2, 1)


async def test_a_payment_that_comes_after_the_deadline_is_given_free(
    shop: RealShop, web: httpx.AsyncClient, payments: Recorded
):
    await shop.stock("MUG-01", 5)
    checkout = f"/checkouts/{uuid4()}"
    await web.put(checkout, json=_cart(2))
    await shop.pass_time(example.HOLD_SECONDS + 1)
    assert (await web.post(f"{checkout}/payment")).json()["status"] == "expired"
    assert payments.told == ["authorise", "release"]


async def _tell(web: httpx.AsyncClient, attempt: object, event: str, reference: str) -> None:
    told = {"attempt": str(attempt), "reference": reference, "event": event}
    assert (await web.post("/webhooks/payment", json=told)).status_code == 200


async def test_a_webhook_keeps_the_hold_and_a_late_one_still_gets_the_goods(
    shop: RealShop, web: httpx.AsyncClient, payments: Recorded
):
    await shop.stock("MUG-01", 5)
    attempt = uuid4()
    checkout = f"/checkouts/{attempt}"
    await web.put(checkout, json=_cart(2))
    await _tell(web, attempt, "started", "p-1")
    await shop.pass_time(example.HOLD_SECONDS - 1)
    status = (await web.get(checkout)).json()
    assert status["paying_until"] is not None
    await _tell(web, attempt, "failed", "p-1")
    await shop.pass_time(2)
    for _ in range(2):
        await _tell(web, attempt, "paid", "p-2")
    assert (await web.get(checkout)).json()["status"] == "fulfilled"
    assert payments.told == []
    assert await shop.available("MUG-01") == (3, 0, 3)


async def test_a_late_payment_of_what_is_sold_out_goes_back_once(
    shop: RealShop, web: httpx.AsyncClient, payments: Recorded
):
    await shop.stock("MUG-01", 2)
    attempt = uuid4()
    await web.put(f"/checkouts/{attempt}", json=_cart(2))
    await shop.pass_time(example.HOLD_SECONDS + 1)
    await web.put(f"/checkouts/{uuid4()}", json=_cart(2))
    for _ in range(2):
        await _tell(web, attempt, "paid", "p-1")
    assert set(payments.told) == {"refund"}
    assert (await shop.client.refunds()).refunds == ()


async def test_what_was_given_back_is_free_at_once(shop: RealShop, web: httpx.AsyncClient):
    await shop.stock("MUG-01", 5)
    checkout = f"/checkouts/{uuid4()}"
    await web.put(checkout, json=_cart(2))
    assert (await web.delete(checkout)).json()["status"] == "cancelled"
    assert await shop.available("MUG-01") == (5, 0, 5)


@pytest.mark.usefixtures("patient_shoppers")
async def test_an_unknown_outcome_is_asked_for_again_and_holds_once(
    stage: Stage, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    stage.stock("MUG-01", 5)
    checkout = f"/checkouts/{uuid4()}"
    with monkeypatch.context() as patch:
        hasty = ReservationClient(stage.client, answer_timeout_seconds=HASTY_SECONDS)
        patch.setitem(example.app.dependency_overrides, example._reservations, lambda: hasty)
        unknown = await web.put(checkout, json=_cart(2))
    assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "1")
    async with at_work(stage, sandboxed=False):
        assert (await web.put(checkout, json=_cart(2))).json()["status"] == "held"
        assert stage.shop.figures("MUG-01") == (5, 2, 3)


async def test_each_error_has_its_own_status_code(shop: RealShop, web: httpx.AsyncClient):
    await shop.stock("MUG-01", 5)
    attempt = uuid4()
    checkout = f"/checkouts/{attempt}"
    await web.put(checkout, json=_cart(2))
    assert (await web.put(checkout, json=_cart(3))).status_code == 409
    assert (await web.put(checkout, json=_cart(0))).status_code == 422
    assert (await web.post(f"/checkouts/{uuid4()}/payment")).status_code == 404
    # Terminated it is held as before; what ended before anything was held for it is gone.
    await shop._stage.till.handle(str(attempt)).terminate("by hand")
    assert (await web.put(checkout, json=_cart(2))).json()["status"] == "held"
    nowhere = Till(shop._stage.client, "no-worker")
    other = str(uuid4())
    hold_seconds = example.HOLD_SECONDS
    await nowhere.start(other, {"MUG-01": 2}, hold_seconds=hold_seconds, customer_id="u-17")
    await nowhere.handle(other).terminate("by hand")
    gone = await web.put(f"/checkouts/{other}", json=_cart(2))
    assert (gone.status_code, gone.json()) == (410, {"detail": "CheckoutInterrupted"})


async def test_the_api_describes_every_outcome(web: httpx.AsyncClient):
    described = (await web.get("/openapi.json")).json()
    outcomes = {"Held", "Denied", "Fulfilled", "Cancelled", "Expired", "Unavailable"}
    assert outcomes <= described["components"]["schemas"].keys()
    assert "expires_at" in json.dumps(described)
