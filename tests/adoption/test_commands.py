"""The commands, as an operator types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adoption.adopted import Adopted
from tests.adoption.conftest import OpenAdopted
from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS


@pytest.fixture
def shop(open_adopted: OpenAdopted) -> Adopted:
    shop = open_adopted("c")
    shop.code('mug = Product.objects.create(sku="MUG-01", name="Mug", price=5)')
    shop.code("Stock.objects.create(product=mug, quantity=10, reserved_quantity=2)")
    return shop


def run(shop: Adopted, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", *words],
        cwd=ROOT,
        env={**os.environ, "HOLDFAST_DATABASE_URL": shop.url},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def test_what_is_in_the_way_is_told_and_the_exit_code_says_so(shop: Adopted):
    shop.code("Stock.objects.update(reserved_quantity=11)")
    plan = str(shop.plan_file)
    check = run(shop, "adopt", "check", plan)
    assert check.returncode == 1
    assert "row 1 (MUG-01): more reserved than there is: total 10, reserved 11" in check.stdout
    assert json.loads(run(shop, "adopt", "check", plan, "--json").stdout)["obstacles"]
    apply = run(shop, "adopt", "apply", plan)
    assert apply.returncode == 1
    assert "more reserved than there is" in apply.stderr
    assert run(shop, "adopt", "status").stdout == "nothing is adopted\n"
    assert json.loads(run(shop, "adopt", "status", "--json").stdout) == {"adopted": False}
    leave = run(shop, "adopt", "leave", plan)
    assert (leave.returncode, leave.stderr) == (1, "nothing is adopted\n")


def test_a_drain_says_why_and_takes_no_more_than_there_is(shop: Adopted):
    plan = str(shop.plan_file)
    run(shop, "adopt", "apply", plan)
    assert run(shop, "adopt", "apply", plan).stdout == "applied already (nothing to do)\n"
    silent = run(shop, "adopt", "drain", plan, "MUG-01", "1")
    assert silent.returncode == 2
    assert "--reason" in silent.stderr
    more = run(shop, "adopt", "drain", plan, "MUG-01", "3", "--reason", "lost")
    assert more.returncode == 1
    assert "MUG-01 has less: 2 reserved by the shop" in more.stderr


def test_a_plan_that_is_wrong_is_refused_before_anything_is_asked(shop: Adopted, tmp_path: Path):
    (tmp_path / "plan.toml").write_text("[stock]\ntable = 'p'\n")
    result = run(shop, "adopt", "check", str(tmp_path / "plan.toml"))
    assert (result.returncode, result.stderr) == (2, "stock.sku: Field required\n")
