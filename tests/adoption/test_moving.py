"""The move of each shop, step by step, as its page tells it."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from activities.inventory.adoption.plan import Plan, read_plan
from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.adoption.shops import EXAMPLES, Refusal
from tests.adoption.test_commands import run
from tests.docs.pages import page

PAGE: Final = page("docs/adopting.md")
# What is typed, and what is seen.
TYPED: Final = re.compile(r"`python -m worker ([^`]+)` → `([^`]+)`")

# Ten mugs, of which the shop's own code has reserved two, and a cart of two.
BEGIN: Final = {
    "a": (
        'mug = Product.create!(sku: "MUG-01", name: "M", stock_quantity: 10, reserved_quantity: 2)',
        "CartItem.create!(cart: Cart.create!, product: mug, quantity: 2)",
    ),
    "b": (
        "mug = Product.objects.create(sku='MUG-01', name='M', total_stock=10, reserved_stock=2)",
        "cart = Cart.objects.create(session_key='s-1')",
        "CartItem.objects.create(cart=cart, product=mug, quantity=2)",
    ),
    "c": (
        "mug = Product.objects.create(sku='MUG-01', name='M', price=5)",
        "Stock.objects.create(product=mug, quantity=10, reserved_quantity=2)",
        "CartItem.objects.create(cart_id='1', product=mug, quantity=2)",
    ),
    "d": (
        "mug = Product.objects.create(name='M', price=5)",
        "cart = Cart.objects.create(user=User.objects.create(username='ann'))",
        "CartItem.objects.create(cart=cart, product=mug, quantity=2)",
    ),
}
# What the shop's own code does while all carts go through Holdfast already.
DRAINS: Final = {
    "a": "Product.first.release_stock!(1) && true",
    "b": "Product.objects.update(reserved_stock=F('reserved_stock') - 2)",
}
# Of the last day: the policies, code that is left over, and what becomes of it.
LAST_DAY: Final = {
    "a": ({"reserved": "refuse"}, "Product.first.reserve_stock!(1)"),
    "b": ({"total": "ledger", "reserved": "ledger"}, "mug.name = 'Big mug'; mug.save()"),
    "c": ({"reserved": "refuse"}, "Stock.objects.bulk_reserve({mug.pk: 1})"),
}


def opened(open_adopted: OpenAdopted, letter: str) -> Adopted:
    shop = open_adopted(letter)
    for statement in BEGIN[letter]:
        shop.code(statement)
    return shop


def steps_of(letter: str) -> Iterator[list[tuple[str, str]]]:
    """Return the commands of each step on the page, with what they show."""
    section = PAGE.text.split(f"## Shop {letter.upper()}\n")[1].split("\n## ")[0]
    steps = re.split(r"\n\d\. ", section)[1:]
    assert len(steps) == 5
    for step in steps:
        assert "*Back:*" in step
        yield [(typed, " ".join(seen.split())) for typed, seen in TYPED.findall(step)]


def typed(shop: Adopted, plan: Path, command: str) -> str:
    files = {"plan.toml": str(plan), "stock.csv": str(plan.with_name("stock.csv"))}
    result = run(shop, *(files.get(word, word) for word in shlex.split(command)))
    assert result.returncode == 0, (command, result.stdout, result.stderr)
    return " ".join(result.stdout.split())


def begin_checkout(shop: Adopted) -> None:
    sku, cart = (
        ("product-1" if shop.letter == "d" else "MUG-01"),
        "s-1" if shop.letter == "b" else "1",
    )
    shop.reserve("c1", cart, None, **{sku.replace("-", "_"): 2})


def all_of_them(shop: Adopted) -> None:
    shop.close("c1")
    if shop.letter in DRAINS:
        shop.code(DRAINS[shop.letter])


@pytest.mark.parametrize("letter", BEGIN)
def test_the_move_of_each_shop_goes_as_its_page_says(
    open_adopted: OpenAdopted, letter: str, tmp_path: Path
):
    shop = opened(open_adopted, letter)
    plan = tmp_path / "plan.toml"
    plan.write_text(shop.plan_file.read_text())
    (tmp_path / "stock.csv").write_text("sku,quantity\nproduct-1,10\n")

    def last_day(shop: Adopted) -> None:
        policies, _ = LAST_DAY.get(shop.letter, ({}, ""))
        for figure, policy in policies.items():
            text = plan.read_text()
            section = text.index("[writes]")
            was = f'{figure} = "shared"'
            assert was in text[section:]
            plan.write_text(text[:section] + text[section:].replace(was, f'{figure} = "{policy}"'))

    between: dict[int, Callable[[Adopted], None]] = {
        3: begin_checkout, 4: all_of_them, 5: last_day,
    }  # fmt: skip
    for number, commands in enumerate(steps_of(letter), 1):
        between.get(number, lambda _: None)(shop)
        for command, seen in commands:
            assert seen in typed(shop, plan, command), command
        if number > 1 and shop.letter != "d":
            assert shop.breaches() == []
    if letter in LAST_DAY:
        _, left_over = LAST_DAY[letter]
        if letter == "b":
            shop.code(left_over)
            assert shop.item("MUG-01") == (8, 0, 0)
        else:
            with pytest.raises(Refusal, match="Reserve by a checkout"):
                shop.code(left_over)
        assert "left public" in typed(shop, plan, "adopt leave plan.toml")


def test_the_commands_of_the_move_go_as_its_page_says(open_adopted: OpenAdopted, tmp_path: Path):
    shop = opened(open_adopted, "b")
    (whole,) = PAGE.blocks("toml")
    plan = tmp_path / "plan.toml"
    plan.write_text(whole)
    assert read_plan(plan) == read_plan(EXAMPLES / "shop_b" / "plan.toml")
    move, leave = PAGE.blocks("sh")
    told = {}
    for line in (*move.splitlines(), *leave.splitlines()):
        command = line.removeprefix("python -m worker ")
        told[command.split()[1] if command != "audit" else command] = typed(shop, plan, command)
    assert told["check"] == "nothing is in the way"
    assert (
        'CREATE TRIGGER zz_holdfast_keep BEFORE UPDATE ON "public"."inventory_product"'
        in (told["plan"])
    )
    assert told["apply"].startswith("adopted public.inventory_product: 1 rows 2 units are reserved")
    assert "reserved_by_shop MUG-01 main 10 2 2" in told["status"]
    assert told["drain"] == "MUG-01: 2 taken off; now 0 reserved by the shop, 0 in all"
    assert told["audit"] == "I1, I2, I3, I4, I5 and I6 hold"
    assert told["leave"].startswith("left public.inventory_product")


def test_the_words_of_the_page_for_carts_and_skus_are_those_of_the_shops():
    """What it says of plans within its sentences."""
    for letter, words in {
        "a": ('status = "status"', 'fulfilled = "checked_out"', 'expired = "abandoned"'),
        "c": ('{table = "inventory_product", column = "sku", via = "product_id"}',),
        "d": ('"product-{id}"',),
    }.items():
        plan = (EXAMPLES / f"shop_{letter}" / "plan.toml").read_text()
        assert Plan.model_validate(tomllib.loads(plan))
        for each in words:
            assert f"`{each}`" in PAGE.text
            assert each in plan


def test_what_shop_b_sells_by_its_own_code_counts_while_the_move_goes_on(open_adopted: OpenAdopted):
    shop = opened(open_adopted, "b")
    shop.adopt()
    shop.code(
        "Product.objects.update("
        "total_stock=F('total_stock') - 2, reserved_stock=F('reserved_stock') - 2)"
    )
    assert shop.item("MUG-01") == (8, 0, 0)
    assert shop.put_back() == []


def test_what_checkouts_hold_when_a_shop_is_left_comes_off_by_applying_and_leaving_again(
    open_adopted: OpenAdopted, tmp_path: Path
):
    shop = opened(open_adopted, "a")
    plan = tmp_path / "plan.toml"
    plan.write_text(shop.plan_file.read_text())
    figures = "Product.pluck(:stock_quantity, :reserved_quantity)"
    typed(shop, plan, "adopt apply plan.toml")
    shop.reserve("c1", "1", None, MUG_01=2)
    shop.reserve("c2", "2", None, MUG_01=3)
    typed(shop, plan, "adopt leave plan.toml")
    assert shop.code(figures) == [[10, 7]]
    shop.close("c1")
    shop.close("c2", "cancelled")
    assert shop.code(figures) == [[10, 7]]
    typed(shop, plan, "adopt apply plan.toml")
    typed(shop, plan, "adopt leave plan.toml")
    assert shop.code(figures) == [[8, 2]]
