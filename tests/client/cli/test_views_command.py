"""``holdfast views``: links for people, lines for pipes, one document for programs."""

from __future__ import annotations

import os
import sys

import pytest

from holdfast_client.terminal.screen import Screen
from holdfast_client.terminal.sheet import Sheet, Table
from tests.client.cli.conftest import Terminal


@pytest.fixture(autouse=True)
def _no_other_temporal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


def test_each_view_is_printed_with_its_query_and_link_and_nobody_is_asked(
    holdfast: Terminal,
) -> None:
    ran = holdfast("views")
    assert ran.code == 0
    assert holdfast.settings == []
    rows = {row[0]: row[1:] for row in ran.rows("view")}
    shows, query, url = rows["held"]
    assert shows == "Stock is held and waits for a payment."
    assert "CheckoutStatus IS NULL AND BuildIds IS NOT NULL" in query
    assert url.startswith("http://localhost:8233/namespaces/default/workflows?query=WorkflowType")


def test_the_document_has_every_view_with_the_same_keys(holdfast: Terminal) -> None:
    ran = holdfast("views", "--sku", "MUG-01", "--customer", "u-17", "--json")
    assert {tuple(view) for view in ran.document} == {("name", "shows", "query", "url", "lasts")}
    assert all("Skus = 'MUG-01' AND CustomerId = 'u-17'" in view["query"] for view in ran.document)


def test_the_links_lead_to_the_namespace_that_is_in_use(
    holdfast: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "shop-eu")
    address = "https://temporal.example"
    assert "/namespaces/shop-eu/" in holdfast("views", "--ui-url", address).rows("view")[0][3]
    named = holdfast("views", "--ui-url", address, "--namespace", "shop-us").rows("view")[0][3]
    assert named.startswith("https://temporal.example/namespaces/shop-us/workflows?")


@pytest.mark.parametrize("ui_url", ["localhost:8233", "http://", "http://ui?query=x", "ftp://ui"])
def test_what_is_no_address_is_refused_and_named(holdfast: Terminal, ui_url: str) -> None:
    ran = holdfast("views", "--ui-url", ui_url)
    assert ran.code == 2
    assert "ui_url" in ran.err
    assert "such as http://localhost:8233" in ran.err


def test_a_link_is_not_broken_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    link = f"http://localhost:8233/{'x' * 100}"
    table = Table("view", ("name", "url"), (("all", link),), is_stacked=True)
    Screen(as_json=False).show(None, Sheet("1 view.", (), (table,)))
    assert link in capsys.readouterr().out
