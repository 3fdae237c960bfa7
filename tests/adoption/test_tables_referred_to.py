"""Tables that the shop's foreign keys refer to: the ledger looks there, so its rights are asked."""

from __future__ import annotations

import pytest

from activities.inventory.adoption import steps
from activities.inventory.adoption.plan import Plan
from activities.inventory.database.errors import LedgerUnavailable
from holdfast_client.contract.outcomes import Held
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import LEDGER_ROLE, OpenAdopted
from tests.inventory.databases import make_role

OTHER_ROLE = "test_other_owner"
BOUND = "holds: public.inventory_stockreservation.user_id refers to {place}"
OF_ANOTHER_ROLE = f"ALTER TABLE auth_user OWNER TO {OTHER_ROLE}"
IN_ANOTHER_SCHEMA = (
    f"CREATE SCHEMA accounts AUTHORIZATION {OTHER_ROLE}; {OF_ANOTHER_ROLE}; "
    f"GRANT SELECT ON auth_user TO {LEDGER_ROLE}; ALTER TABLE auth_user SET SCHEMA accounts"
)
HIDDEN = (
    f"{OF_ANOTHER_ROLE}; GRANT SELECT ON auth_user TO {LEDGER_ROLE}; "
    "ALTER TABLE auth_user ENABLE ROW LEVEL SECURITY"
)


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    """Shop B, whose holds refer to Django's own table of users."""
    shop = open_adopted("b")
    make_role(shop.superuser_url, OTHER_ROLE)
    shop.code('Product.objects.create(sku="MUG", name="Mug", total_stock=10)')
    shop.code('User.objects.create(username="ann")')
    assert found(shop) == []
    return shop


def found(shop: Adopted, plan: Plan | None = None) -> list[str]:
    return steps.check(shop.engine, plan or shop.plan)


@pytest.mark.parametrize(
    ("change", "obstacle", "mend"),
    [
        (
            OF_ANOTHER_ROLE,
            BOUND.format(place="public.auth_user")
            + ", and this role may not SELECT there: GRANT SELECT (id) ON public.auth_user",
            f"GRANT SELECT (id) ON public.auth_user TO {LEDGER_ROLE}",
        ),
        (
            IN_ANOTHER_SCHEMA,
            BOUND.format(place="accounts.auth_user")
            + ", and this role may not enter its schema: GRANT USAGE ON SCHEMA",
            f"GRANT USAGE ON SCHEMA accounts TO {LEDGER_ROLE}",
        ),
        (
            HIDDEN,
            BOUND.format(place="public.auth_user")
            + ", which has row security: the ledger could not see every row",
            "ALTER TABLE auth_user DISABLE ROW LEVEL SECURITY",
        ),
    ],
)
def test_a_right_that_lacks_where_holds_refer_to_is_named_and_with_it_checkouts_hold(
    shop: Adopted, change: str, obstacle: str, mend: str
):
    shop.superuser(change)
    assert found(shop) == [obstacle]
    with pytest.raises(steps.AdoptionRefused):
        shop.adopt()
    shop.superuser(mend)
    assert found(shop) == []
    shop.adopt()
    assert isinstance(shop.reserve("c1", None, "1", MUG=1), Held)
    users = shop.sql.execute("SELECT user_id FROM inventory_stockreservation").fetchall()
    assert users == [(1,)]


def test_a_right_that_lacks_where_the_key_of_carts_refers_to_is_named(shop: Adopted):
    plan = shop.plan
    assert plan.carts
    carts = plan.carts.model_copy(update={"key": "user_id"})
    plan = plan.model_copy(update={"carts": carts, "holds": None})
    assert found(shop, plan) == []
    shop.superuser(OF_ANOTHER_ROLE)
    (told,) = found(shop, plan)
    assert told.startswith("carts.key: public.orders_cart.user_id refers to public.auth_user")


def test_words_of_a_status_that_cannot_be_looked_at_are_told_and_not_failed_on(
    open_adopted: OpenAdopted,
):
    shop = open_adopted("a")
    make_role(shop.superuser_url, OTHER_ROLE)
    shop.sql.execute(
        "CREATE TABLE words (word varchar PRIMARY KEY); "
        "INSERT INTO words VALUES ('active'), ('abandoned'), ('checked_out'); "
        "ALTER TABLE carts ADD FOREIGN KEY (status) REFERENCES words"
    )
    assert found(shop) == []
    shop.superuser(f"ALTER TABLE words OWNER TO {OTHER_ROLE}")
    (told,) = found(shop)
    assert told.endswith("may not SELECT there: GRANT SELECT (word) ON public.words")


def test_a_table_of_a_schema_that_the_role_may_not_enter_is_named_and_not_failed_on(
    open_adopted: OpenAdopted,
):
    shop = open_adopted("b")
    make_role(shop.superuser_url, OTHER_ROLE)
    shop.superuser(
        f"CREATE SCHEMA sales AUTHORIZATION {OTHER_ROLE}; ALTER TABLE orders_cart SET SCHEMA sales"
    )
    assert shop.plan.carts
    carts = shop.plan.carts.model_copy(update={"table": "sales.orders_cart"})
    (told,) = found(shop, shop.plan.model_copy(update={"carts": carts}))
    assert told == "this role may not enter the schema of sales.orders_cart: GRANT USAGE ON SCHEMA"


def test_a_right_that_is_lost_later_is_told_as_the_shops_and_not_as_the_workers(shop: Adopted):
    shop.adopt()
    shop.superuser(OF_ANOTHER_ROLE)
    with pytest.raises(LedgerUnavailable, match="adopt check") as refused:
        shop.reserve("c1", None, "1", MUG=1, patience=0)
    assert "permission denied for table auth_user" in str(refused.value)
    assert "HOLDFAST_WORKER_ROLE" not in str(refused.value)
    assert len(found(shop)) == 1
    shop.superuser(f"GRANT SELECT ON auth_user TO {LEDGER_ROLE}")
    assert found(shop) == []
    assert isinstance(shop.reserve("c1", None, "1", MUG=1), Held)
