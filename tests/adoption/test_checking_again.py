"""A plan that is applied is asked again: what came in the way since is named."""

from __future__ import annotations

import pytest

from activities.inventory.adoption import steps, trigger_obstacles
from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import ShopRefused
from holdfast_client.contract.outcomes import Fulfilled
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import SHOP_ROLE, OpenAdopted
from tests.adoption.test_commands import run
from tests.adoption.test_shops_triggers import MUG, trigger


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop A, adopted, with units that a checkout holds and units that its own code has."""
    shop = open_adopted("a")
    shop.code(MUG)
    shop.code("Cart.create!")
    shop.adopt()
    shop.reserve("c1", MUG=3)
    assert found(shop) == []
    return shop


def found(shop: Adopted, **writes: str) -> list[str]:
    return steps.check(shop.engine, shop.plan_with(**writes))


@pytest.mark.parametrize("change", ["NEW.stock_quantity := 10", "RETURN NULL"])
def test_the_trigger_of_which_the_ledgers_refusal_speaks_is_named_where_it_sends_one(
    shop: Adopted, change: str
):
    shop.sql.execute(trigger(change))
    with pytest.raises(ShopRefused, match=r"row 1 of public\.products") as refused:
        shop.close("c1")
    before = shop.sql.execute("SELECT ctid, * FROM products").fetchall()
    (told,) = found(shop)
    assert told.startswith("the triggers of public.products (own) are in the way: where stock_quan")
    words = "row 1 of public.products (MUG) is not stored as Holdfast writes it"
    assert words in told
    assert words in str(refused.value)
    assert shop.sql.execute("SELECT ctid, * FROM products").fetchall() == before
    shop.sql.execute("DROP TRIGGER own ON products")
    assert found(shop) == []
    assert isinstance(shop.close("c1"), Fulfilled)
    assert shop.breaches() == []


@pytest.mark.parametrize("policy", ["shared", "ledger", "refuse"])
def test_a_trigger_that_lets_all_pass_is_in_nobodys_way_whatever_the_policy(
    open_adopted: OpenAdopted, policy: str
):
    """The switches put back or refuse what is written past the ledger: the try is the ledger's."""
    shop = open_adopted("a")
    shop.code(MUG)
    shop.adopt(total=policy, reserved=policy)
    shop.reserve("c1", MUG=3)
    shop.sql.execute(trigger("NEW.updated_at := now()"))
    items = shop.owner("SELECT * FROM holdfast.stock_items")
    assert found(shop, total=policy, reserved=policy) == []
    assert found(shop) == []
    assert shop.owner("SELECT * FROM holdfast.stock_items") == items
    assert shop.put_back() == []


def test_without_the_way_by_the_item_the_switches_themselves_would_be_in_the_way(
    shop: Adopted, monkeypatch: pytest.MonkeyPatch
):
    """The positive control: (0, 0) is tried, and of three units a checkout holds none can go."""
    shop.sql.execute(trigger("NEW.updated_at := now()"))
    written = trigger_obstacles._written
    monkeypatch.setattr(
        trigger_obstacles,
        "_written",
        lambda plan, catalogue, is_applied: written(plan, catalogue, is_applied=False),
    )
    (told,) = found(shop)
    assert "stock_quantity 0 and reserved_quantity 0 is to be stored" in told


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        (
            "ALTER TABLE products ADD CONSTRAINT odd CHECK (stock_quantity <= 12)",
            "the constraint odd on public.products refuses figures that stock can have",
        ),
        (
            "CREATE UNIQUE INDEX once ON products (stock_quantity)",
            "the index once lets public.products have a figure only once",
        ),
        ("ALTER TABLE products ENABLE ROW LEVEL SECURITY", "public.products has row security"),
        ("CREATE RULE r AS ON DELETE TO products DO NOTHING", "public.products has the rule r"),
        ("CREATE TABLE child () INHERITS (products)", "public.products is no plain table"),
        (
            trigger("RAISE 'no carts'", "BEFORE UPDATE ON carts"),
            "the triggers of public.carts (own) are in the way",
        ),
        (
            "ALTER TABLE carts ADD CONSTRAINT odd CHECK (status <> 'abandoned')",
            "the constraint odd on public.carts may refuse a status",
        ),
        ("ALTER TABLE carts RENAME TO baskets", "there is no table public.carts"),
        (
            "ALTER TABLE cart_items RENAME quantity TO units",
            "carts.items.quantity: public.cart_items has no column quantity",
        ),
        (
            "ALTER TABLE products ALTER sku DROP NOT NULL; UPDATE products SET sku = NULL",
            "public.products row 1 (none): no SKU",
        ),
    ],
)
def test_what_comes_later_is_named(shop: Adopted, change: str, obstacle: str):
    shop.sql.execute(change)
    assert any(each.startswith(obstacle) for each in found(shop)), found(shop)


def test_a_right_that_was_taken_back_is_named(shop: Adopted):
    shop.sql.execute(f"REVOKE UPDATE ON products FROM {SHOP_ROLE}")
    (told,) = found(shop)
    assert told == "this role may not UPDATE on public.products: GRANT it"


def test_what_is_held_and_what_was_written_past_the_switches_is_not_asked_again(shop: Adopted):
    """Before a plan is applied these stand in its way; afterwards the audit tells them."""
    shop.owner("ALTER TABLE public.products DISABLE TRIGGER USER")
    shop.sql.execute("UPDATE products SET stock_quantity = 11")
    assert found(shop) == []
    assert shop.breaches() != []


def test_whoever_does_not_own_the_ledger_is_told_even_as_a_superuser(open_adopted: OpenAdopted):
    """Applied by another, what it makes could not be used by the ledger's own functions."""
    shop = open_adopted("a")
    superuser = open_engine(shop.superuser_url, connections_max=1)
    told = steps.check(superuser, shop.plan)
    superuser.dispose()
    assert told[0].startswith("this role does not own the ledger's tables")


def test_the_command_tells_it_and_its_exit_code_says_so(shop: Adopted):
    plan = str(shop.plan_file)
    assert run(shop, "adopt", "check", plan).stdout == "nothing is in the way\n"
    shop.sql.execute("ALTER TABLE products ADD CONSTRAINT odd CHECK (stock_quantity <= 12)")
    check = run(shop, "adopt", "check", plan)
    assert check.returncode == 1
    assert "the constraint odd on public.products" in check.stdout
    assert run(shop, "adopt", "apply", plan).stdout == "applied already (nothing to do)\n"
