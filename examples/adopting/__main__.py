"""A shop before and after: ``python -m examples.adopting shop_b``, or ``shop_c``, or ``shop_d``.

``HOLDFAST_DATABASE_URL`` names the ledger's database, under the role that owns it, and
``TEMPORAL_ADDRESS`` Temporal; `make dev` prints both. Nothing of the shop stays afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final

from django.apps import apps
from django.db import connection

from examples.adopting import in_django
from holdfast_client import HoldfastError, SyncReservationClient

SHOPS: Final = ("shop_b", "shop_c", "shop_d")
DATABASE: Final = "HOLDFAST_DATABASE_URL"


def main() -> None:
    shop = sys.argv[1] if len(sys.argv) == 2 else ""
    if shop not in SHOPS:
        sys.exit(f"which shop? One of {', '.join(SHOPS)}; shop_a has a run.rb")
    if not os.environ.get(DATABASE):
        sys.exit(f"{DATABASE} is not set: `make dev` prints it after database=")
    in_django.set_up(shop, os.environ[DATABASE])
    with _its_tables(shop), SyncReservationClient() as client:
        shown = import_module(f"examples.adopting.{shop}.demonstration")
        shown.begin()
        print("before: its own code alone")
        _print(shown.before())
        _type("check", shop)
        _type("apply", shop)
        print("after: Holdfast beside its code")
        _print(shown.after(client))
        _type("leave", shop)


@contextmanager
def _its_tables(shop: str) -> Iterator[None]:
    """Make the shop's tables, and take them away again whatever happens."""
    there = set(connection.introspection.table_names())
    theirs = {model._meta.db_table for model in apps.get_app_config(shop).get_models()}
    if taken := sorted(theirs & there):
        sys.exit(f"there is a table {taken[0]} in this database already: nothing was done")
    try:
        in_django.make_tables(shop)
        yield
    except HoldfastError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        _adopt("leave", shop)
        made = sorted(set(connection.introspection.table_names()) - there)
        names = ", ".join(map(connection.ops.quote_name, made))
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {names} CASCADE")


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(f"  {line}")


def _type(verb: str, shop: str) -> None:
    print(f"$ python -m worker adopt {verb} examples/adopting/{shop}/plan.toml")
    done = _adopt(verb, shop)
    print(done.stdout + done.stderr, end="")
    if done.returncode:
        sys.exit(done.returncode)


def _adopt(verb: str, shop: str) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    return subprocess.run(
        [sys.executable, "-m", "worker", "adopt", verb, str(here / shop / "plan.toml")],
        cwd=here.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()
