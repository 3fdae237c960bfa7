"""A day in a small shop: one checkout of each kind that support meets."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair

from activities.inventory.records import StockRow
from holdfast_client import ReservationClient
from holdfast_client.contract.messages import CheckoutRequest, Line
from holdfast_client.contract.names import CHECKOUT_WORKFLOW, checkout_workflow_id
from holdfast_client.transport.starts import checkout_attributes, checkout_details, checkout_summary
from tests.limits import HANG_SECONDS
from worker.composition import build_worker, open_inventory, working_ledger
from worker.dev import RunningStack
from worker.embedded.ports import choose_ports
from worker.settings import load_settings
from worker.temporal import connect_temporal

PAID: Final = "order-1001"
HELD: Final = "order-1002"
DENIED: Final = "order-1003"
EXPIRED: Final = "order-1004"
CANCELLED: Final = "order-1005"
TERMINATED: Final = "order-1006"
UNDECIDED: Final = "order-1007"
FAILING: Final = "order-1008"
UNAVAILABLE: Final = "order-1009"
TO_SHIP: Final = "order-1010"
SHIPPED: Final = "order-1011"
EVERY_ONE: Final = (
    PAID,
    HELD,
    DENIED,
    EXPIRED,
    CANCELLED,
    TERMINATED,
    UNDECIDED,
    FAILING,
    UNAVAILABLE,
    TO_SHIP,
    SHIPPED,
)

# Every checkout of the day wants some of these.
MUG: Final = "MUG-01"
TEAPOT: Final = "TEAPOT-01"
REGULAR: Final = "u-17"
_STOCK: Final = {MUG: 30, TEAPOT: 5}
_NOBODY: Final = "a task queue without workers"
_CUT_OFF: Final = "a task queue whose workers reach no database"
# What Temporal sets where workflow tasks fail again and again; it takes about a minute to.
_PROBLEMS: Final = SearchAttributePair(
    SearchAttributeKey.for_keyword_list("TemporalReportedProblems"), ["category=WorkflowTaskFailed"]
)


def load_stock(running: RunningStack, stock: dict[str, int]) -> None:
    """Set what there is of each SKU."""
    inventory = open_inventory(running.settings)
    try:
        inventory.ledger.load_stock([StockRow(sku, "main", n) for sku, n in stock.items()])
    finally:
        inventory.close()


async def play_the_day(running: RunningStack, *, think_seconds: float = 0.0) -> None:
    """Play every scene to where support finds it.

    Args:
        running: where it is played.
        think_seconds: how long the customer who pays takes until the hold is extended; a third of
            it later the payment is there.
    """
    load_stock(running, _STOCK)
    temporal = await Client.connect(running.temporal_address)
    async with asyncio.TaskGroup() as scenes:
        scenes.create_task(_find_no_database(running, temporal))
        scenes.create_task(_do_business(temporal, think_seconds))


async def _do_business(temporal: Client, think_seconds: float) -> None:
    shop = ReservationClient(temporal, answer_timeout_seconds=HANG_SECONDS)
    await _sell(shop, think_seconds)
    await shop.reserve(HELD, [(MUG, 3)], customer_id="u-18", cart_id="1002")
    await shop.reserve(DENIED, [(MUG, 1), (TEAPOT, 9)], customer_id="u-19", cart_id="1003")
    await shop.reserve(EXPIRED, [(MUG, 2)], hold_seconds=1, customer_id="u-20", cart_id="1004")
    await shop.reserve(CANCELLED, [(MUG, 1)], customer_id="u-21", cart_id="1005")
    await shop.cancel(CANCELLED, reason="too dear", actor="u-21")
    for paid in (TO_SHIP, SHIPPED):
        await shop.reserve(paid, [(MUG, 1)], customer_id="u-24", cart_id=paid)
        await shop.confirm(paid, f"pay_{paid}", settle="commit")
    await shop.fulfil(SHIPPED, "parcel-1", actor="sam")
    await shop.reserve(TERMINATED, [(MUG, 4)], customer_id="u-22", cart_id="1006")
    await _checkout(temporal, TERMINATED).terminate("pressed by mistake")
    await _start_unserved(temporal, UNDECIDED)
    await _start_unserved(temporal, FAILING, _PROBLEMS)
    await _checkout(temporal, EXPIRED).result()


async def _find_no_database(running: RunningStack, temporal: Client) -> None:
    """Reserve where the worker's database does not answer, and leave the rest undone."""
    (port,) = choose_ports([0])
    settings = load_settings(database_url=f"postgresql://nobody@127.0.0.1:{port}/nothing")
    shop = ReservationClient(temporal, task_queue=_CUT_OFF, answer_timeout_seconds=HANG_SECONDS)
    client = await connect_temporal(running.temporal_address, settings.keys)
    async with (
        working_ledger(settings) as ledger,
        build_worker(client, ledger, settings, task_queue=_CUT_OFF),
    ):
        await shop.reserve(UNAVAILABLE, [(MUG, 1)], customer_id="u-23", cart_id="1009")


async def _sell(shop: ReservationClient, think_seconds: float) -> None:
    await shop.reserve(
        PAID, [(MUG, 2), (TEAPOT, 1)], hold_seconds=600, customer_id=REGULAR, cart_id="1001"
    )
    await asyncio.sleep(think_seconds)
    await shop.extend(PAID, 600, reason="bank is slow", actor="sam")
    await asyncio.sleep(think_seconds / 3)
    await shop.confirm(PAID, "pay_2001", actor="web")


async def _start_unserved(
    temporal: Client, checkout_id: str, *further: SearchAttributePair[Any]
) -> None:
    """Start a checkout where no worker listens, so that it stays as it is."""
    request = CheckoutRequest(checkout_id=checkout_id, lines=(Line(sku=MUG, quantity=1),))
    await temporal.start_workflow(
        CHECKOUT_WORKFLOW,
        request.model_dump(mode="json"),
        id=checkout_workflow_id(checkout_id),
        task_queue=_NOBODY,
        search_attributes=checkout_attributes(request).updated(*further),
        static_summary=checkout_summary(request),
        static_details=checkout_details(request),
    )


def _checkout(temporal: Client, checkout_id: str) -> Any:
    return temporal.get_workflow_handle(checkout_workflow_id(checkout_id))
