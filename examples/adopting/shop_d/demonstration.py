"""Shop D before and after, in a few lines: five mugs, of which only Holdfast knows, and a cart."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from django.contrib.auth.models import User

from examples.adopting.shop_d import checkout
from examples.adopting.shop_d.models import Cart, CartItem, Product
from holdfast_client import SyncReservations


def begin() -> None:
    Product.objects.create(name="Mug", price=5)
    Cart.objects.get_or_create_for_user(User.objects.create(username="ann"))
    _fill()


def before() -> Iterator[str]:
    yield f"buy the cart, whatever there is: {checkout.buy_before(User.objects.get())} sold"


def after(client: SyncReservations) -> Iterator[str]:
    ann, order = User.objects.get(), int(time.time())
    _count(5)
    for turn in (1, 2):
        _fill()
        yield f"hold the cart of 3: {checkout.hold(client, ann, order + turn)}; {_figures()}"
        if turn == 1:
            paid = checkout.pay(client, ann, order + turn, f"pay-{order}")
            yield f"pay: {paid}; {_figures()}"


def _fill() -> None:
    CartItem.objects.create(cart=Cart.objects.get(), product=Product.objects.get(), quantity=3)


def _count(units: int) -> None:
    """Load the first count of all products, as the warehouse does."""
    with tempfile.TemporaryDirectory() as directory:
        sheet = Path(directory) / "stock.csv"
        sheet.write_text(f"sku,quantity\nproduct-{Product.objects.get().pk},{units}\n")
        subprocess.run(
            [sys.executable, "-m", "worker", "stock", "load", str(sheet)],
            check=True,
            capture_output=True,
        )


def _figures() -> str:
    return f"{Cart.objects.get().total_items} in the cart"
