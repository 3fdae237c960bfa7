"""What lies in Temporal's storage: searched byte by byte for what nobody may find there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import Client

from holdfast_client import (
    Cancelled,
    Denied,
    Fulfilled,
    Held,
    HoldNotActive,
    InvalidRequest,
    ReservationClient,
)
from holdfast_client.transport.encryption import NOT_ENCRYPTING, EncryptionKey, encrypting
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.security.keys import NEW, OLD, customer, text_of
from tests.workflows.histories import events_of
from tests.workflows.stage import Stage, at_work, open_stage
from tests.workflows.till import Till
from worker.embedded.temporal import EmbeddedTemporal

CUSTOMER: Final = "customer-GEHEIM-1"
CART: Final = "cart-GEHEIM-2"
PAYMENT: Final = "payment-GEHEIM-3"
SKU: Final = "sku-GEHEIM-4"
REASON: Final = "reason-GEHEIM-5"
ACTOR: Final = "actor-GEHEIM-6"
SECRETS: Final = (CUSTOMER, CART, PAYMENT, SKU, REASON, ACTOR)
CHECKOUTS: Final = ("paid", "extended", "cancelled", "denied")


@dataclass(frozen=True)
class Store:
    """A Temporal of its own, with its files, and the shop that works on it."""

    server: EmbeddedTemporal
    directory: Path
    stage: Stage

    async def customer(self, *keys: EncryptionKey) -> ReservationClient:
        private = self.stage.settings.private_metadata
        queue = self.stage.till.task_queue
        return await customer(self.server.address, queue, *keys, private=private)

    async def histories(self) -> bytes:
        """Return all histories as Temporal hands them out, after each other."""
        ids = [row.id async for row in self.stage.client.list_workflows("")]
        assert {f"checkout/{id}" for id in CHECKOUTS} <= set(ids)
        events = [await events_of(self.stage.client.get_workflow_handle(id)) for id in ids]
        return b"".join(event.SerializeToString() for each in events for event in each)

    def files(self) -> bytes:
        """Return all that the server has written, logs and write-ahead log included."""
        return b"".join(path.read_bytes() for path in self.directory.iterdir() if path.is_file())


@pytest.fixture(scope="module")
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    with fresh_database(postgres_url, template) as url:
        yield url


async def _lived(
    directory: Path, database_url: str, *keys: EncryptionKey, private: bool
) -> AsyncIterator[Store]:
    with EmbeddedTemporal(directory, time_skipping=True) as server:
        async with (
            open_stage(
                database_url,
                server.address,
                encryption_keys=text_of(*keys),
                private_metadata=private,
            ) as stage,
            at_work(stage),
        ):
            store = Store(server, directory, stage)
            await _live(stage, await store.customer(*keys))
            yield store


async def _live(stage: Stage, shop: ReservationClient) -> None:
    """Live through every kind of checkout, each with all that could be told of it."""
    stage.stock(SKU, 50)
    parties: dict[str, Any] = {"customer_id": CUSTOMER, "cart_id": CART}
    for id in CHECKOUTS[:3]:
        assert isinstance(await shop.reserve(id, [(SKU, 2)], **parties), Held)
    assert isinstance(await shop.reserve("denied", [(SKU, 999)], **parties), Denied)
    await shop.extend("extended", 60, reason=REASON, actor=ACTOR)
    for id in ("paid", "extended"):
        assert isinstance(await shop.confirm(id, f"{PAYMENT}-{id}", actor=ACTOR), Fulfilled)
        assert (await shop.status(id)).lines[0].sku == SKU
    cancelled = await shop.cancel("cancelled", reason=REASON, actor=ACTOR)
    assert isinstance(cancelled, Cancelled)
    assert (cancelled.reason, cancelled.actor) == (REASON, ACTOR)
    with pytest.raises(HoldNotActive):
        await shop.extend("paid", 60, reason=REASON, actor=ACTOR)
    await shop.adjust_stock(f"delivery-{len(SECRETS)}", SKU, "receive", 1, reason=REASON)
    assert isinstance(await shop.reserve("denied", [(SKU, 999)], **parties), Denied)


@pytest.fixture(scope="module")
async def encrypted(new_directory: NewDirectory, database_url: str) -> AsyncIterator[Store]:
    async for store in _lived(new_directory("encrypted"), database_url, OLD, private=True):
        yield store


@pytest.fixture(scope="module")
async def plain(
    new_directory: NewDirectory, postgres_url: str, template: str
) -> AsyncIterator[Store]:
    with fresh_database(postgres_url, template) as url:
        async for store in _lived(new_directory("plain"), url, private=False):
            yield store


async def test_nothing_of_a_checkout_can_be_read_in_its_history(encrypted: Store):
    histories = await encrypted.histories()
    assert [secret for secret in SECRETS if secret.encode() in histories] == []


def test_nothing_of_a_checkout_can_be_read_in_the_servers_files(encrypted: Store):
    files = encrypted.files()
    assert b"checkout/paid" in files
    assert [secret for secret in SECRETS if secret.encode() in files] == []


async def test_the_same_search_finds_everything_where_nothing_is_encrypted(plain: Store):
    histories, files = await plain.histories(), plain.files()
    assert [secret for secret in SECRETS if secret.encode() not in histories] == []
    assert [secret for secret in SECRETS if secret.encode() not in files] == []


async def test_private_checkouts_are_listed_by_status_and_by_nothing_else(encrypted: Store):
    shop = await encrypted.customer(OLD)
    found = await shop.list(status="cancelled")
    assert [(each.checkout_id, each.customer_id, each.skus) for each in found] == [
        ("cancelled", None, ())
    ]
    for filter in ({"customer_id": CUSTOMER}, {"cart_id": CART}, {"sku": SKU}):
        with pytest.raises(InvalidRequest, match="HOLDFAST_PRIVATE_METADATA"):
            await shop.list(**filter)  # type: ignore[arg-type]


async def test_the_worker_names_nobody_in_a_checkout_that_somebody_else_started(
    encrypted: Store, unique: str
):
    temporal = await Client.connect(encrypted.server.address, data_converter=encrypting(keys=[OLD]))
    till = Till(temporal, encrypted.stage.till.task_queue)
    await till.reserve(unique, {SKU: 1}, customer_id=CUSTOMER)
    await till.cancel(unique)
    description = await till.handle(unique).describe()
    attributes = {pair.key.name for pair in description.typed_search_attributes}
    assert "CheckoutStatus" in attributes
    assert not {"CustomerId", "CartId", "Skus"} & attributes


async def test_the_worker_names_nobody_in_a_checkout_that_goes_on_in_another_run(
    encrypted: Store, unique: str
):
    shop = await encrypted.customer(OLD)
    await shop.reserve(unique, [(SKU, 1)], customer_id=CUSTOMER, cart_id=CART)
    handle = encrypted.stage.client.get_workflow_handle(f"checkout/{unique}")
    await handle.terminate("by hand")
    await shop.confirm(unique, f"{PAYMENT}-{unique}", settle="commit")
    assert (await shop.release(unique, [(SKU, 1)])).status == "cancelled"
    attributes = {pair.key.name for pair in (await handle.describe()).typed_search_attributes}
    assert "CheckoutStatus" in attributes
    assert not {"CustomerId", "CartId", "Skus"} & attributes


async def test_encryption_can_be_switched_on_and_its_key_changed_under_open_checkouts(
    temporal_address: str, database_url: str, unique: str
):
    """Each step ends what the one before left open, with clients a step behind and a step ahead."""
    steps: list[tuple[EncryptionKey, ...]] = [
        (),
        (NOT_ENCRYPTING, OLD),
        (OLD,),
        (OLD, NEW),
        (NEW, OLD),
        (NEW,),
    ]
    open_ids: list[str] = []
    for number, keys in enumerate(steps):
        late, early = steps[max(number - 1, 0)], steps[min(number + 1, len(steps) - 1)]
        settings = {"encryption_keys": text_of(*keys)}
        async with (
            open_stage(database_url, temporal_address, unique, **settings) as stage,
            at_work(stage),
        ):
            id = stage.stock(f"{unique}-{number}", 1)
            shop = await customer(temporal_address, unique, *late)
            while open_ids:
                paid = await shop.confirm(open_id := open_ids.pop(), f"{PAYMENT}-{open_id}")
                assert isinstance(paid, Fulfilled)
            shop = await customer(temporal_address, unique, *early)
            assert isinstance(await shop.reserve(id, [(id, 1)]), Held)
            open_ids.append(id)
