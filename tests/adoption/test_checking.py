"""What stands in the way is named, by row, and nothing changes."""

from __future__ import annotations

import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import PlanInvalid, read_plan
from activities.inventory.adoption.steps import AdoptionRefused
from activities.inventory.database.engine import open_engine
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import LEDGER_ROLE, SHOP_ROLE, OpenAdopted
from tests.inventory.databases import as_role, as_worker, make_role

STRANGER_ROLE = "test_stranger"

INSERT = (
    "INSERT INTO products (name, sku, stock_quantity, reserved_quantity, created_at, updated_at) "
    "VALUES ('P', %s, %s, %s, now(), now())"
)

NO_TOTAL = (
    "ALTER TABLE products ALTER stock_quantity DROP NOT NULL; "
    "UPDATE products SET stock_quantity = NULL"
)
WHOLE = (
    "ALTER TABLE products RENAME TO old; CREATE TABLE products (LIKE old) PARTITION BY RANGE (id)"
)
PART = (
    "CREATE TABLE whole (LIKE products) PARTITION BY RANGE (id); "
    "ALTER TABLE whole ATTACH PARTITION products DEFAULT"
)
DEFERRABLE = (
    "ALTER TABLE products DROP CONSTRAINT products_pkey; "
    "ALTER TABLE products ADD PRIMARY KEY (id) DEFERRABLE"
)
LATE_TRIGGER = (
    "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
    "CREATE TRIGGER zzz BEFORE UPDATE ON products FOR EACH ROW EXECUTE FUNCTION late()"
)


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    return open_adopted("a")


def found(shop: Adopted) -> list[str]:
    return steps.check(shop.engine, shop.plan)


def test_a_shop_that_is_in_order_has_nothing_in_the_way(shop: Adopted):
    shop.sql.execute(INSERT, ["MUG", 1, 1])
    assert found(shop) == []


@pytest.mark.parametrize(
    ("sku", "total", "reserved", "obstacle"),
    [
        ("", 1, 0, "row 1 (): no SKU: total 1, reserved 0"),
        (None, 1, 0, "row 1 (none): no SKU: total 1, reserved 0"),
        ("x" * 1_000, 1, 0, f"row 1 ({'x' * 97}...): a SKU of more than 100 characters"),
        ("A\tB", 1, 0, "a SKU with control characters"),
        ("MUG\u200b", 1, 0, "ZERO WIDTH SPACE"),
        ("MUG", -1, 0, "row 1 (MUG): a total below zero: total -1, reserved 0"),
        ("MUG", 1, -1, "row 1 (MUG): reserved below zero"),
        ("MUG", 1, 2, "row 1 (MUG): more reserved than there is: total 1, reserved 2"),
        ("MUG", 2_000_000_000, 0, "a total that could outgrow its column"),
    ],
)
def test_a_row_that_no_stock_item_can_be_is_named(
    shop: Adopted, sku: str | None, total: int, reserved: int, obstacle: str
):
    shop.sql.execute("ALTER TABLE products ALTER sku DROP NOT NULL")
    shop.sql.execute(INSERT, [sku, total, reserved])
    assert any(obstacle in each for each in found(shop)), found(shop)
    with pytest.raises(AdoptionRefused):
        shop.adopt()
    assert shop.owner("SELECT to_regclass('holdfast.adoption')")[0][0] is None


def test_of_many_rows_the_first_are_named_and_the_rest_counted(shop: Adopted):
    for number in range(25):
        shop.sql.execute(INSERT, [f"P-{number}", -1, 0])
    told = [each for each in found(shop) if "below zero" in each]
    assert len(told) == 21
    assert told[-1] == "public.products: a total below zero: 5 more rows"


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ("DROP INDEX index_products_on_sku; {twice}", "a SKU that another row has too"),
        (NO_TOTAL, "no total: total none"),
        ("ALTER TABLE products ENABLE ROW LEVEL SECURITY", "has row security"),
        ("ALTER TABLE products ALTER stock_quantity TYPE numeric", "must be a whole number"),
        (
            "ALTER TABLE products ALTER reserved_quantity TYPE smallint",
            "reserved_quantity has less room than stock_quantity",
        ),
        ("ALTER TABLE products DROP COLUMN updated_at", "has no column updated_at"),
        ("ALTER TABLE products ALTER id TYPE numeric", "is numeric; it can be bigint"),
        (DEFERRABLE, "the primary key of public.products is deferrable"),
        ("CREATE RULE r AS ON DELETE TO products DO NOTHING", "has the rule r"),
        ("CREATE TABLE child () INHERITS (products)", "is no plain table"),
        (WHOLE, "is no plain table"),
        (PART, "is no plain table"),
        ("DROP TABLE products", "there is no table public.products"),
        (
            "ALTER TABLE products ADD CONSTRAINT odd CHECK (reserved_quantity < id + 100)",
            "the constraint odd on public.products ties a figure to other columns",
        ),
        (LATE_TRIGGER, "the trigger zzz on public.products fires after Holdfast's"),
    ],
)
def test_a_table_that_cannot_be_adopted_is_named(shop: Adopted, change: str, obstacle: str):
    shop.sql.execute(INSERT, ["MUG", 1, 1])
    twice = "INSERT INTO products SELECT 2, name, sku, 1, 0, now(), now() FROM products"
    shop.sql.execute(change.format(twice=twice))
    assert any(obstacle in each for each in found(shop)), found(shop)


def test_holds_from_before_that_the_shop_does_not_count_are_named(shop: Adopted):
    shop.sql.execute(INSERT, ["MUG", 5, 0])
    shop.owner("SELECT holdfast.create_stock_items(ARRAY['MUG'], ARRAY['main'])")
    shop.owner("UPDATE holdfast.stock_items SET total_quantity = 5")
    shop.reserve("c1", MUG=2)
    (told,) = found(shop)
    assert "row 1 (MUG): checkouts hold 2 of it in the ledger" in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[stock]\ntable = 'p'\n", "stock.sku: Field required"),
        ("[stock]\ntable = 'p'\nsku = 's'\ntotal = 'n'\n", "writes.total: say shared, ledger or"),
        ("[stock]\ntable = 'holdfast.x'\nsku = 's'\n", "is the ledger's own"),
        ("[stock]\ntable = 'p; drop'\nsku = 's'\n", "is not the name of a table"),
        ("[stock]\ntable = 'p'\nsku = 's'\nprice = 'x'\n", "stock.price: Extra inputs"),
        ("[stock]\ntable = 'p'\nsku = 's'\n[writes]\ntotal = 'mine'\n", "writes.total: Input"),
        ("[stock\n", "is not TOML"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_its_field(tmp_path, text: str, problem: str):
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(PlanInvalid) as refused:
        read_plan(file)
    assert problem in str(refused.value)


def test_a_plan_that_is_not_there_is_told(tmp_path):
    with pytest.raises(PlanInvalid, match="cannot be read: No such file"):
        read_plan(tmp_path / "none.toml")


NOTE = "ALTER TABLE inventory_stockreservation ADD note text NOT NULL"
SESSION = "ALTER TABLE inventory_stockreservation ALTER session_key SET NOT NULL"
ONCE = "CREATE UNIQUE INDEX once ON inventory_stockreservation (session_key)"
NUMERIC = "ALTER TABLE inventory_stockreservation ALTER quantity TYPE numeric"


@pytest.mark.parametrize(
    ("letter", "change", "obstacle"),
    [
        ("b", "DROP TABLE inventory_stockreservation", "there is no table public.inventory_stock"),
        ("b", NOTE, "inventory_stockreservation.note must be filled"),
        ("b", SESSION, "session_key must not be null, and not every cart_id fits it"),
        ("b", ONCE, "the index once lets public.inventory_stockreservation have a row only once"),
        ("b", NUMERIC, "holds.quantity: public.inventory_stockreservation.quantity is numeric"),
        ("a", "ALTER TABLE carts DROP COLUMN status", "carts.status: public.carts has no column"),
        ("a", "DROP TABLE cart_items", "there is no table public.cart_items"),
    ],
)
def test_carts_and_holds_that_cannot_be_adopted_are_named(
    open_adopted: OpenAdopted, letter: str, change: str, obstacle: str
):
    shop = open_adopted(letter)
    assert found(shop) == []
    shop.sql.execute(change)
    assert any(obstacle in each for each in found(shop)), found(shop)


def test_rights_that_lack_are_named(shop: Adopted):
    worker = open_engine(as_worker(shop.url), connections_max=1)
    told = steps.check(worker, shop.plan)
    worker.dispose()
    assert "this role does not own the ledger's tables" in told[0]
    assert any("may not SELECT, UPDATE on public.products" in each for each in told)


@pytest.mark.parametrize(
    ("letter", "grants", "tables"),
    [
        ("a", "SELECT, UPDATE, TRIGGER ON products, carts, cart_items", ["products"]),
        (
            "c",
            "SELECT, INSERT, UPDATE, DELETE, TRIGGER ON ALL TABLES IN SCHEMA public",
            ["inventory_stock", "inventory_product"],
        ),
    ],
)
def test_a_ledgers_owner_that_may_write_the_shops_tables_and_not_switch_them_is_told(
    open_adopted: OpenAdopted, letter: str, grants: str, tables: list[str]
):
    shop = open_adopted(letter)
    make_role(shop.superuser_url, STRANGER_ROLE)
    shop.superuser(
        f"GRANT {grants} TO {STRANGER_ROLE}; GRANT USAGE ON SCHEMA holdfast TO {STRANGER_ROLE}; "
        f"ALTER TABLE holdfast.stock_items OWNER TO {STRANGER_ROLE}"
    )
    stranger = open_engine(as_role(shop.url, STRANGER_ROLE), connections_max=1)
    told = steps.check(stranger, shop.plan)
    stranger.dispose()
    assert told == [
        f"switches are put on public.{table}, which only its owner can: "
        f"GRANT {SHOP_ROLE} TO {STRANGER_ROLE}"
        for table in tables
    ]


def test_the_table_of_holds_is_switched_too(open_adopted: OpenAdopted):
    shop = open_adopted("b")
    make_role(shop.superuser_url, STRANGER_ROLE)
    shop.superuser(
        f"ALTER TABLE inventory_stockreservation OWNER TO {STRANGER_ROLE}; "
        "GRANT ALL ON inventory_stockreservation, inventory_stockreservation_id_seq "
        f"TO {LEDGER_ROLE}"
    )
    (told,) = steps.check(shop.engine, shop.plan)
    assert told == (
        "switches are put on public.inventory_stockreservation, which only its owner can: "
        f"GRANT {STRANGER_ROLE} TO {LEDGER_ROLE}"
    )
