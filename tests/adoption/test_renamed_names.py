"""A planned table or column that the shop has renamed or dropped is told by all who look."""

from __future__ import annotations

import pytest

from activities.inventory.adoption import steps
from activities.inventory.database.errors import LedgerError
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted, opened_ledger
from tests.adoption.conftest import OpenAdopted
from tests.adoption.test_commands import run
from tests.adoption.test_tables_referred_to import OTHER_ROLE
from tests.inventory.databases import make_role
from tests.inventory.functions import rewrite_function

_LOOK = "WHERE NOT coalesce(has_schema_privilege"
GONE = ": is not there under this name, and what goes by it fails: give it its name back"


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.adopt()
    assert shop.breaches() == []
    return shop


async def told_by_all(shop: Adopted) -> list[str]:
    """Return what is told, the same by the audit, `status` and the reconciler."""
    audited = [each for each in shop.breaches() if GONE in each]
    standing = [each for each in shop.standing().breaches if GONE in each]
    async with opened_ledger(shop) as ledger:
        drift = [each.subject for each in await ledger.drift()]
    assert [each.partition(" ")[2] for each in audited] == standing
    assert drift == [each.partition(": ")[0] for each in standing]
    return standing


@pytest.mark.parametrize(
    ("change", "subject", "back"),
    [
        (
            "ALTER TABLE inventory_product RENAME reserved_stock TO held_stock",
            'column reserved_stock of "public"."inventory_product"',
            "ALTER TABLE inventory_product RENAME held_stock TO reserved_stock",
        ),
        (
            "ALTER TABLE inventory_product RENAME id TO number",
            'column id of "public"."inventory_product"',
            "ALTER TABLE inventory_product RENAME number TO id",
        ),
        (
            "ALTER TABLE inventory_product RENAME TO products",
            'table "public"."inventory_product"',
            "ALTER TABLE products RENAME TO inventory_product",
        ),
        (
            "ALTER TABLE auth_user RENAME TO users",
            "table public.auth_user",
            "ALTER TABLE users RENAME TO auth_user",
        ),
    ],
)
async def test_a_renamed_table_or_column_is_told_and_with_its_name_back_checkouts_hold_again(
    shop: Adopted, change: str, subject: str, back: str
):
    shop.sql.execute(change)
    with pytest.raises(LedgerError):
        shop.reserve("c1", "s-1", "7", MUG=1, patience=0)
    (told,) = await told_by_all(shop)
    assert told.startswith(subject + GONE)
    shop.sql.execute(back)
    assert await told_by_all(shop) == []
    assert isinstance(shop.reserve("c1", "s-1", "7", MUG=1), Held)
    assert shop.breaches() == []


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ("ALTER TABLE inventory_stockreservation RENAME session_key TO s", "column session_key of"),
        ("ALTER TABLE orders_cartitem RENAME quantity TO units", "column quantity of"),
        ("ALTER TABLE orders_cart DROP COLUMN updated_at", "column updated_at of"),
        ("ALTER TABLE inventory_product DROP COLUMN updated_at", "column updated_at of"),
        ("CREATE SCHEMA old; ALTER TABLE orders_cart SET SCHEMA old", 'table "public"."orders_ca'),
    ],
)
async def test_what_postgres_lets_go_elsewhere_in_the_plan_is_told_too(
    shop: Adopted, change: str, subject: str
):
    shop.superuser(change)
    (told,) = await told_by_all(shop)
    assert told.startswith(subject)


async def test_without_the_look_at_names_nobody_tells_that_checkouts_fail(shop: Adopted):
    """The positive control: names stand in functions, and what reads goes by views."""
    rewrite_function(shop.engine, "find_shop_breaches", _LOOK, f"WHERE false AND {_LOOK[6:]}")
    shop.sql.execute("ALTER TABLE inventory_product RENAME reserved_stock TO held_stock")
    assert await told_by_all(shop) == []


async def test_a_table_that_may_not_be_read_any_more_is_told_and_not_failed_on(shop: Adopted):
    make_role(shop.superuser_url, OTHER_ROLE)
    shop.superuser(f"ALTER TABLE inventory_product OWNER TO {OTHER_ROLE}")
    (told,) = (each for each in shop.standing().breaches if "may not be read" in each)
    assert told.startswith('table "public"."inventory_product": may not be read by test_ledger')
    assert any("may not be read" in each for each in shop.breaches())


def test_the_command_tells_it_as_a_sentence_and_its_exit_code_says_so(shop: Adopted):
    shop.sql.execute("ALTER TABLE inventory_product RENAME reserved_stock TO held_stock")
    status = run(shop, "adopt", "status")
    assert status.returncode == 1
    assert "column reserved_stock of" in status.stdout
    assert "to rename it, leave first" in " ".join(status.stdout.split())


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("RENAME TO products", "public.inventory_product"),
        ("RENAME reserved_stock TO held_stock", "reserved_stock"),
    ],
)
def test_leaving_and_other_policies_are_refused_by_the_name_that_is_not_there(
    shop: Adopted, change: str, missing: str
):
    shop.sql.execute(f"ALTER TABLE inventory_product {change}")
    with pytest.raises(steps.AdoptionRefused, match=f"no table or column {missing}$"):
        steps.leave(shop.engine, shop.plan)
    with pytest.raises(steps.AdoptionRefused, match=f"no table or column {missing}$"):
        steps.apply(shop.engine, shop.plan_with(reserved="refuse"))
    assert shop.standing().table == "public.inventory_product"


@pytest.mark.parametrize("column", ["reserved_stock", "name"])
def test_a_new_column_under_the_name_of_one_that_was_renamed_is_told(shop: Adopted, column: str):
    table = "inventory_product"
    kind = "integer NOT NULL DEFAULT 0" if column == "reserved_stock" else "text"
    shop.sql.execute(f"ALTER TABLE {table} RENAME {column} TO formerly")
    shop.sql.execute(f"ALTER TABLE {table} ADD {column} {kind}")
    told = f'column {column} of "public"."{table}": is not the column that was adopted'
    assert [each for each in shop.standing().breaches if told in each]
    shop.sql.execute(f"ALTER TABLE {table} DROP {column}")
    shop.sql.execute(f"ALTER TABLE {table} RENAME formerly TO {column}")
    assert shop.breaches() == []


def test_the_key_of_a_carts_lines_is_a_name_like_any_other(shop: Adopted):
    shop.sql.execute("ALTER TABLE orders_cartitem RENAME id TO line_id")
    (told,) = (each for each in shop.standing().breaches if GONE in each)
    assert told.startswith('column id of "public"."orders_cartitem"' + GONE)
