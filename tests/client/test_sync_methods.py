"""The methods without ``await`` are made of those with it, and say the same of themselves."""

from __future__ import annotations

import inspect
from typing import assert_type

import pytest

from holdfast_client import (
    CheckoutReport,
    FakeReservationClient,
    ReservationClient,
    Reservations,
    SyncFakeReservationClient,
    SyncReservationClient,
    SyncReservations,
)
from without_await import SYNC_METHODS, sync_methods

METHODS = [
    name
    for name, _ in inspect.getmembers(Reservations, inspect.iscoroutinefunction)
    if not name.startswith("_")
]


def test_the_files_are_what_make_sync_writes() -> None:
    written = {path.name: path.read_text("utf-8") for path in SYNC_METHODS.glob("*.py")}
    assert written == sync_methods(), "run: make sync"


def test_there_is_every_method() -> None:
    assert {"reserve", "confirm", "fulfil", "adjust_stock", "list", "close"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_and_tells_the_same_with_and_without_await(name: str) -> None:
    awaited, sync = getattr(Reservations, name), getattr(SyncReservations, name)
    assert not inspect.iscoroutinefunction(sync)
    assert inspect.signature(sync) == inspect.signature(awaited)
    assert inspect.getdoc(sync) == inspect.getdoc(awaited)


@pytest.mark.parametrize("name", METHODS)
def test_real_and_fake_have_the_method_from_one_place(name: str) -> None:
    for client in (ReservationClient, FakeReservationClient):
        assert getattr(client, name) is getattr(Reservations, name)
    for sync_client in (SyncReservationClient, SyncFakeReservationClient):
        assert getattr(sync_client, name) is getattr(SyncReservations, name)


async def _for_mypy(shop: ReservationClient, sync_shop: SyncReservationClient) -> None:
    """Never called: strict typing reads it."""
    assert_type(await shop.status("cart-1"), CheckoutReport)
    assert_type(sync_shop.status("cart-1"), CheckoutReport)
    sync_shop.reserve("cart-1", [("MUG", 1)], hold=60)  # type: ignore[call-arg]
    await shop.reserve("cart-1", [("MUG", 1)], hold=60)  # type: ignore[call-arg]
