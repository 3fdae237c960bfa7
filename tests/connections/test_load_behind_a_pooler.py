"""A stock load through a real PgBouncer, by the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from tests.connections.conftest import OpenPooler
from tests.inventory.databases import as_worker
from tests.inventory.shop import Shop
from tests.limits import HANG_SECONDS


def test_a_stock_load_behind_a_pooler_has_the_limit_that_the_command_asks_for(
    open_pooler: OpenPooler, shop: Shop, tmp_path: Path
) -> None:
    pooler = open_pooler("transaction", "refuses")
    shop.sql("CREATE TABLE public.limits (statement_timeout text NOT NULL)")
    shop.sql(
        "CREATE FUNCTION public.note_limit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
        "'BEGIN INSERT INTO public.limits SELECT current_setting($$statement_timeout$$); "
        "RETURN NEW; END'"
    )
    shop.sql(
        "CREATE TRIGGER note_limit BEFORE INSERT ON holdfast.stock_items "
        "FOR EACH ROW EXECUTE FUNCTION public.note_limit()"
    )
    file = tmp_path / "stock.csv"
    file.write_text("sku,quantity\nMUG,1\n")
    url = pooler.url(as_worker(shop.engine.url.render_as_string(hide_password=False)))
    for words in ((), ("--all-or-nothing",)):
        ran = subprocess.run(
            [sys.executable, "-m", "worker", "stock", "load", str(file), *words],
            env={**os.environ, "HOLDFAST_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        file.write_text("sku,quantity\nCUP,1\n")
    with shop.engine.connect() as connection:
        seen = connection.scalars(text("SELECT statement_timeout FROM public.limits")).all()
    assert list(seen) == ["1min", "1min"]
