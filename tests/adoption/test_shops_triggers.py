"""Triggers of the shop's own: they find their names, and none stands in the way unseen."""

from __future__ import annotations

import psycopg
import pytest

from activities.inventory.adoption import steps
from activities.inventory.database.errors import LedgerFailed, LedgerUnreachable, ShopRefused
from holdfast_client.contract.outcomes import Fulfilled, Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import SHOP_ROLE, OpenAdopted
from tests.adoption.test_both_ways import receive
from tests.inventory.databases import WORKER_ROLE

MUG = 'Product.create!(sku: "MUG", name: "Mug", stock_quantity: 10, reserved_quantity: 2)'


def trigger(body: str, when: str = "BEFORE UPDATE ON products", *, named: str = "own") -> str:
    """Return a trigger of the shop's with names as anybody writes them, without a schema."""
    return (
        f"CREATE FUNCTION {named}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {body}; RETURN coalesce(NEW, OLD); END $$; "
        f"CREATE TRIGGER {named} {when} FOR EACH ROW EXECUTE FUNCTION {named}()"
    )


def log_of(table: str, column: str, when: str) -> str:
    """Return a table that logs what is written to another, and the trigger for it."""
    made = f"CREATE TABLE {table}_log (written text); "
    insert = f"INSERT INTO {table}_log VALUES "
    old, new = (f"{insert}({row}.{column})" for row in ("OLD", "NEW"))
    body = f"IF TG_OP = 'DELETE' THEN {old}; ELSE {new}; END IF"
    return made + trigger(body, f"{when} ON {table}", named=f"log_{table}")


PRODUCT_LOG = log_of("products", "stock_quantity", "AFTER UPDATE")
IN_ANOTHER_SCHEMA = (
    "CREATE SCHEMA logs AUTHORIZATION {role}; SET ROLE {role}; "
    "CREATE TABLE logs.written (total bigint); RESET ROLE; "
    'ALTER ROLE {role} IN DATABASE {database} SET search_path = "$user", public, logs'
)


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("a")
    shop.code(MUG)
    return shop


def found(shop: Adopted) -> list[str]:
    return steps.check(shop.engine, shop.plan)


def logged(shop: Adopted, table: str) -> list[str]:
    return [row[0] for row in shop.sql.execute(f"SELECT written FROM {table}_log")]


def test_a_log_of_the_shops_whose_names_have_no_schema_is_written_on_both_sides(shop: Adopted):
    shop.sql.execute(PRODUCT_LOG)
    assert found(shop) == []
    assert logged(shop, "products") == []
    shop.adopt()
    assert isinstance(shop.reserve("c1", MUG=3), Held)
    assert isinstance(shop.close("c1"), Fulfilled)
    assert logged(shop, "products") == ["10", "7"]
    # What the shop's own code reserves beyond the total is cut, by a write of the ledger's.
    shop.sql.execute("UPDATE products SET reserved_quantity = 99")
    assert shop.item("MUG") == (7, 7, 7)
    assert logged(shop, "products") == ["10", "7", "7", "7"]
    assert shop.breaches() == []


def test_names_are_found_where_the_owner_of_the_table_finds_them(shop: Adopted):
    database = shop.owner("SELECT current_database()")[0][0]
    shop.superuser(IN_ANOTHER_SCHEMA.format(role=SHOP_ROLE, database=database))
    shop.sql.execute(trigger("INSERT INTO written VALUES (NEW.stock_quantity)"))
    assert found(shop) == []
    shop.adopt()
    shop.reserve("c1", MUG=3)
    shop.close("c1")
    assert shop.sql.execute("SELECT total FROM logs.written").fetchall() == [(10,), (7,)]


def test_logs_of_carts_and_holds_find_their_names_too(open_adopted: OpenAdopted):
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('cart = Cart.objects.create(session_key="s-1")')
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    holds, items = shop.plan.holds, shop.plan.carts and shop.plan.carts.items
    assert holds
    assert items
    places = [each.table.removeprefix("public.") for each in (holds, items)]
    for table in places:
        shop.sql.execute(log_of(table, "quantity", "AFTER INSERT OR UPDATE OR DELETE"))
    assert found(shop) == []
    shop.adopt()
    shop.reserve("c1", "s-1", MUG=2)
    shop.close("c1")
    assert [set(logged(shop, table)) for table in places] == [{"2"}, {"2"}]
    assert shop.put_back() == []
    shop.reserve("c2", "s-1", MUG=1)
    shop.sql.execute(f"TRUNCATE {places[0]}_log")
    steps.leave(shop.engine, shop.plan)
    assert logged(shop, places[0]) == ["1"]


def test_a_trigger_that_lets_writes_through_is_in_nobodys_way(shop: Adopted):
    shop.sql.execute(trigger("NEW.updated_at := now()"))
    shop.sql.execute(
        trigger("IF NEW.stock_quantity < 0 THEN RAISE 'below'; END IF", named="no_less")
    )
    before = shop.sql.execute("SELECT ctid, * FROM products").fetchall()
    assert found(shop) == []
    assert shop.sql.execute("SELECT ctid, * FROM products").fetchall() == before


IN_THE_WAY = [
    (
        trigger("NEW.stock_quantity := 10"),
        (
            "the triggers of public.products (own) are in the way: where stock_quantity 11 and "
            "reserved_quantity 2 is to be stored, stock_quantity 10 and reserved_quantity 2 is"
        ),
    ),
    (
        trigger("IF NEW.stock_quantity < 9 THEN RAISE 'low'; END IF"),
        (
            "where stock_quantity 0 and reserved_quantity 0 is to be stored: low "
            "(PL/pgSQL function own() line 1 at RAISE)"
        ),
    ),
    (
        trigger("IF NEW.reserved_quantity > 5 THEN RETURN NULL; END IF"),
        "where stock_quantity 10 and reserved_quantity 10 is to be stored, nothing happens",
    ),
    (
        trigger("INSERT INTO elsewhere VALUES (1)"),
        (
            '"elsewhere" does not exist (PL/pgSQL function own() line 1 at SQL statement); '
            "names are looked for in public"
        ),
    ),
    (
        trigger("PERFORM pg_sleep(1)"),
        "canceling statement due to statement timeout",
    ),
    (
        trigger("RAISE 'no carts'", "BEFORE UPDATE ON carts"),
        "the triggers of public.carts (own) are in the way: where status active is to be stored",
    ),
    (
        (
            "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
            "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION late()"
        ),
        "the trigger late on public.products is deferred",
    ),
]


@pytest.mark.parametrize(("change", "obstacle"), IN_THE_WAY)
def test_a_trigger_that_is_in_the_way_is_named_and_nothing_changes(
    shop: Adopted, change: str, obstacle: str
):
    shop.code("Cart.create!")
    shop.sql.execute(change)
    before = shop.sql.execute("SELECT ctid, * FROM products").fetchall()
    assert [each for each in found(shop) if obstacle in each], found(shop)
    assert shop.sql.execute("SELECT ctid, * FROM products").fetchall() == before


def test_a_row_that_cannot_be_taken_out_is_named(open_adopted: OpenAdopted):
    shop = open_adopted("b")
    shop.code('mug = Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('cart = Cart.objects.create(session_key="s-1")')
    shop.code("CartItem.objects.create(cart=cart, product=mug, quantity=2)")
    shop.sql.execute(trigger("RETURN NULL", "BEFORE DELETE ON orders_cartitem"))
    assert found(shop) == [
        (
            "the triggers of public.orders_cartitem (own) are in the way: where a row is to go, "
            "nothing happens"
        )
    ]


def test_a_row_that_the_shop_has_is_not_waited_for(shop: Adopted):
    shop.sql.execute(IN_THE_WAY[0][0])
    with shop.sql.transaction():
        shop.sql.execute("SELECT FROM products FOR UPDATE")
        assert found(shop) == []
    assert len(found(shop)) == 1


@pytest.mark.parametrize("stranger", ["PUBLIC", WORKER_ROLE])
def test_who_could_put_names_in_the_way_of_the_shops_triggers_is_told(shop: Adopted, stranger: str):
    shop.superuser(f"GRANT CREATE ON SCHEMA public TO {stranger}")
    (told,) = found(shop)
    assert told.endswith(f"REVOKE CREATE ON SCHEMA public FROM {stranger}")


@pytest.mark.parametrize("change", ["NEW.stock_quantity := 10", "RETURN NULL"])
def test_a_trigger_that_came_later_lets_nothing_be_written_by_halves(shop: Adopted, change: str):
    shop.adopt()
    shop.reserve("c1", MUG=3)
    shop.sql.execute(trigger(change))
    words = r"row 1 of public.products \(MUG\) is not stored as Holdfast writes it"
    with pytest.raises(ShopRefused, match=words):
        shop.close("c1")
    with pytest.raises(ShopRefused, match=words):
        receive(shop, "d1", 5)
    assert shop.item("MUG") == (10, 5, 2)
    assert shop.breaches() == []
    shop.sql.execute("DROP TRIGGER own ON products")
    assert isinstance(shop.close("c1"), Fulfilled)
    assert shop.item("MUG") == (7, 2, 2)
    assert shop.breaches() == []


@pytest.mark.parametrize("before", [2, 10])
def test_a_trigger_that_changes_what_is_cut_is_told_to_the_shop(shop: Adopted, before: int):
    """Cut with a movement, and without one where all is reserved already."""
    shop.adopt()
    shop.sql.execute("UPDATE products SET reserved_quantity = %s", [before])
    cut = "IF NEW.reserved_quantity = NEW.stock_quantity THEN NEW.reserved_quantity := 3; END IF"
    shop.sql.execute(trigger(cut))
    with pytest.raises(psycopg.Error, match="is not stored as Holdfast writes it"):
        shop.sql.execute("UPDATE products SET reserved_quantity = 99")
    assert shop.item("MUG") == (10, before, before)
    assert shop.breaches() == []


def test_without_the_comparison_a_changed_write_is_told_by_nobody_until_the_audit(shop: Adopted):
    shop.adopt()
    shop.owner(
        "CREATE OR REPLACE FUNCTION holdfast.refuse_changed_row(row_key text, sku text) "
        "RETURNS void LANGUAGE sql AS ''"
    )
    shop.sql.execute(trigger("NEW.stock_quantity := 10"))
    receive(shop, "d1", 5)
    assert len(shop.breaches()) == 1


def test_a_table_of_the_shops_that_is_not_there_is_not_the_ledgers_schema(shop: Adopted):
    shop.adopt()
    shop.sql.execute(trigger("INSERT INTO elsewhere VALUES (1)"))
    with pytest.raises(LedgerFailed, match='"elsewhere" does not exist'):
        shop.reserve("c1", MUG=1)
    assert shop.item("MUG") == (10, 2, 2)
    shop.sql.execute("DROP TRIGGER own ON products")
    shop.owner("ALTER TABLE holdfast.stock_items RENAME TO gone")
    with pytest.raises(LedgerUnreachable, match="no schema yet"):
        shop.reserve("c1", MUG=1)


def test_a_child_of_the_table_that_came_later_is_found(shop: Adopted):
    """Its rows are read with the table's, and no switch is on it."""
    shop.adopt()
    shop.sql.execute("CREATE TABLE child () INHERITS (products)")
    assert shop.breaches() == []
    shop.sql.execute(
        "INSERT INTO child (id, name, sku, stock_quantity, reserved_quantity, created_at, "
        "updated_at) VALUES (7, 'P', 'CUP', 1, 0, now(), now())"
    )
    (told,) = shop.breaches()
    assert "row 7 of public.products: its SKU CUP has no stock item that follows it" in told
