"""``holdfast replay`` as it is typed: files, options, report and exit code."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast_client.cli.replay import engine
from holdfast_client.cli.replay.command import fresh_prefix
from holdfast_client.fake.client import FakeReservationClient
from holdfast_client.spreadsheets.spreadsheet import read_spreadsheet
from tests.client.cli.conftest import Terminal

EXPORT = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1001,MUG-01,"Mug, blue",2,1/2/26 9:00,1.25,77,Norway
1001,CUP-09,Cup,1,1/2/26 9:00,0.5,77,Norway
1001,POST,Postage,1,1/2/26 9:00,3,77,Norway
1002,MUG-01,"Mug, blue",3,1/2/26 9:05,1.25,,Norway
1003,CUP-09,Cup,50,1/2/26 9:06,0.5,78,Norway
C1004,MUG-01,"Mug, blue",-1,1/2/26 9:07,1.25,77,Norway
1005,MUG-01,,-4,1/2/26 9:08,0,,Norway
1006,MUG-01,"Mug, blue",several,1/2/26 9:09,1.25,79,Norway
"""
ALL_PAY = ("--abandon", "0", "--cancel", "0", "--no-progress")


@pytest.fixture
def export(tmp_path: Path) -> str:
    path = tmp_path / "orders.csv"
    path.write_text(EXPORT)
    return str(path)


def test_a_replay_reports_what_became_of_the_orders_and_what_was_skipped(
    holdfast: Terminal, export: str
) -> None:
    ran = holdfast("replay", export, *ALL_PAY, "--json")
    assert ran.code == 0, "a denial is normal"
    report = ran.document
    assert (report["orders"], report["fulfilled"], report["denied"]) == (3, 2, 1)
    assert (report["units_reserved"], report["units_fulfilled"]) == (6, 6)
    assert (report["rows"], report["skipped_rows"], report["skipped_orders"]) == (8, 4, 3)
    assert report["skipped"] == {
        "service_code": 1,
        "cancellation": 1,
        "write_off": 1,
        "bad_quantity": 1,
    }
    assert report["reserve_p50_ms"] <= report["reserve_p99_ms"]
    assert report["errors"] == []
    assert report["remarks"] == []
    assert report["columns"] == {
        "order": "InvoiceNo",
        "sku": "StockCode",
        "quantity": "Quantity",
        "customer": "CustomerID",
    }


def test_a_file_of_which_much_is_skipped_is_told_loudly_with_what_how_many_and_why(
    holdfast: Terminal, export: str
) -> None:
    first, *others = holdfast("replay", export, *ALL_PAY, "--json").err.splitlines()
    assert first == (
        "holdfast: WARNING: 4 of 8 rows (50%) are no order lines, and 3 of 6 orders are left out:"
    )
    assert others == [
        f"holdfast:   {line}"
        for line in (
            "service_code: 1 row, the first on line 4: the code stands for a service",
            "cancellation: 1 row, the first on line 7: cancelled, refunded, voided or failed",
            "write_off: 1 row, the first on line 8: the quantity is negative, without a customer",
            "bad_quantity: 1 row, the first on line 9: no whole quantity from 1 to 1,000,000",
        )
    ]


@pytest.mark.parametrize(("sales", "is_told"), [(9, False), (8, True)])
def test_only_more_than_a_tenth_is_much(
    holdfast: Terminal, tmp_path: Path, sales: int, is_told: bool
) -> None:
    path = tmp_path / "orders.csv"
    rows = [f"{number},MUG-01,1" for number in range(sales)]
    path.write_text("\n".join(["order,sku,quantity", *rows, "99,MUG-01,none"]))
    assert ("WARNING" in holdfast("replay", str(path), *ALL_PAY).err) == is_told


def test_the_first_orders_alone_make_no_file_of_which_much_is_skipped(
    holdfast: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    rows = [f"{number},MUG-01,1" for number in range(19)]
    path.write_text("\n".join(["order,sku,quantity", *rows, "99,MUG-01,none"]))
    ran = holdfast("replay", str(path), *ALL_PAY, "--limit", "1")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "there are no orders in it: no rows below the headings"),
        ("1,MUG-01,-1\n2,MUG-01,x\n", "2 rows, and none is an order line. write_off: 1 row"),
        ("1,MUG-01,1.000\n", "--decimal-mark says"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--write-stock", "stock.csv")])
def test_a_file_without_orders_is_an_error_of_its_own(
    holdfast: Terminal, tmp_path: Path, rows: str, said: str, more: tuple[str, ...]
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,sku,quantity\n" + rows)
    ran = holdfast("replay", str(path), *more, "--json")
    assert ran.code == 4
    assert ran.document["error"]["type"] == "NoOrders"
    assert said in ran.document["error"]["message"]
    assert not (Path("stock.csv")).exists()


def test_what_may_be_two_or_two_thousand_is_read_once_the_mark_is_said(
    holdfast: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order;sku;quantity\n1;MUG-01;2,000\n")
    words = ("replay", str(path), *ALL_PAY, "--json", "--decimal-mark")
    assert holdfast(*words, ",").document["units_reserved"] == 2
    assert holdfast(*words, ".").document["denied"] == 1


def test_what_the_file_leaves_open_is_chosen_and_said(holdfast: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Order ID,Order No,SKU,Qty\n7,1001,MUG-01,1\n")
    words = ("replay", str(path), *ALL_PAY, "--prefix", "a")
    assert holdfast(*words).err.splitlines() == [
        "holdfast: the order column is 'Order ID', not 'Order No' (--order-column names another)"
    ]
    assert holdfast("status", "a/7").code == 0
    assert holdfast(*words, "--order-column", "Order No").err == ""
    assert holdfast("status", "a/1001").code == 0


def test_further_statuses_can_be_no_sale_and_all_of_them_can_be_ignored(
    holdfast: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,sku,qty,status\n1,CUP-09,1,cancelled\n2,CUP-09,1,Parked\n3,CUP-09,1,\n")
    words = ("replay", str(path), *ALL_PAY, "--json")
    assert holdfast(*words).document["orders"] == 2
    assert holdfast(*words, "--no-sale", "parked").document["orders"] == 1
    assert holdfast(*words, "--status-column", "").document["orders"] == 3
    assert holdfast(*words, "--status-column", "state").code == 2


def test_the_plain_report_says_the_same_in_lines(holdfast: Terminal, export: str) -> None:
    ran = holdfast("replay", export, *ALL_PAY)
    assert (ran.facts["fulfilled"], ran.facts["denied"]) == ("2", "1")
    assert ["write_off", "1"] in ran.rows("skipped")


def test_orders_are_replayed_with_their_customer_and_their_number_as_the_cart(
    holdfast: Terminal, export: str
) -> None:
    holdfast("replay", export, *ALL_PAY, "--prefix", "monday")
    (row,) = holdfast("list", "--customer", "77").rows("checkout")
    assert (row[0], row[3]) == ("monday/1001", "1001")


def test_each_run_has_checkouts_of_its_own_unless_a_prefix_is_given(
    holdfast: Terminal, export: str, shop: FakeReservationClient
) -> None:
    shop.set_stock("MUG-01", 100)
    for _ in range(2):
        holdfast("replay", export, *ALL_PAY, "--prefix", "same")
    assert shop.stock("MUG-01").total == 95
    runs = [holdfast("replay", export, *ALL_PAY, "--json").document for _ in range(2)]
    assert shop.stock("MUG-01").total == 85
    assert runs[0]["prefix"] != runs[1]["prefix"]


def test_a_fresh_prefix_is_made_of_the_seed_and_the_time() -> None:
    moment = datetime(2026, 1, 31, 9, 5, 7, 42_999, tzinfo=UTC)
    assert fresh_prefix(3, moment) == "replay-3-20260131T090507042"


def test_long_holds_are_not_awaited_and_a_remark_says_when_they_end(
    holdfast: Terminal, export: str
) -> None:
    words = ("--abandon", "1", "--cancel", "0", "--hold", "900", "--no-progress", "--json")
    ran = holdfast("replay", export, *words)
    assert (ran.code, ran.document["open"], ran.document["expired"]) == (0, 2, 0)
    assert "2 abandoned holds are still open; each ends by itself within 900 s" in ran.err


def test_only_the_first_orders_are_replayed_when_a_limit_is_given(
    holdfast: Terminal, export: str
) -> None:
    assert holdfast("replay", export, *ALL_PAY, "--limit", "1", "--json").document["orders"] == 1


def test_what_was_chosen_in_reading_a_file_is_in_the_document_too(
    holdfast: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order_id,order_item_id,sku,product_id\n1,1,MUG-01,7\n")
    ran = holdfast("replay", str(path), *ALL_PAY, "--json")
    chosen, units = ran.document["remarks"]
    assert chosen.startswith("the sku column is 'sku', not 'product_id'")
    assert units.startswith("there is no quantity column")
    assert all(remark in ran.err for remark in (chosen, units))


def test_columns_and_codes_of_another_export_can_be_named(
    holdfast: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Bon;Artikel;Menge;Kunde\nR1;MUG-01;1;7\nS2;MUG-01;1;7\nC3;WRAP;1;7\n")
    named = ("--order-column", "Bon", "--sku-column", "Artikel", "--quantity-column", "Menge")
    rules = ("--customer-column", "Kunde", "--service-code", "wrap", "--cancellation-prefix", "S")
    report = holdfast("replay", str(path), *named, *rules, *ALL_PAY, "--json").document
    assert (report["orders"], report["fulfilled"]) == (1, 1)
    assert report["skipped"] == {"cancellation": 1, "service_code": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("a,b\n1,2\n", "--order-column"), ('order,sku,qty\n"1', "never closed")],
)
def test_a_file_that_is_no_export_exits_with_2_and_says_why(
    holdfast: Terminal, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    refused = holdfast("replay", str(path), "--json")
    assert (refused.code, refused.document["error"]["type"]) == (2, "OrderFileError")
    assert said in refused.document["error"]["message"]
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--concurrency", "0"),
        ("--concurrency", "501"),
        ("--abandon", "1.1"),
        ("--abandon", "0.6", "--cancel", "0.6"),
        ("--hold", "0"),
        ("--limit", "0"),
        ("--prefix", "two words"),
    ],
)
def test_options_out_of_range_exit_with_2_and_replay_nothing(
    holdfast: Terminal, export: str, words: tuple[str, ...], shop: FakeReservationClient
) -> None:
    assert holdfast("replay", export, *words).code == 2
    assert shop.stock("MUG-01").total == 10


@pytest.mark.parametrize(("cover", "units"), [("1", "56"), ("0.5", "28"), ("0", "0")])
def test_a_stock_file_is_written_and_nothing_replayed(
    holdfast: Terminal, export: str, tmp_path: Path, cover: str, units: str
) -> None:
    stock = tmp_path / "stock.csv"
    ran = holdfast("replay", export, "--write-stock", str(stock), "--cover", cover)
    assert (ran.code, ran.facts["units"], ran.facts["demand_units"]) == (0, units, "56")
    assert stock.read_text().splitlines()[0] == "sku,quantity,location,name"
    assert not holdfast.settings, "nobody was asked"


def test_a_stock_file_has_no_formulas_and_is_read_as_the_orders_were(
    holdfast: Terminal, tmp_path: Path
) -> None:
    orders, stock = tmp_path / "orders.csv", tmp_path / "stock.csv"
    skus = ("+1-2", "=1+1", "x;=1+1;")
    orders.write_text("".join(["order,sku,qty,title\n", *(f"1,{sku},5,-1+2\n" for sku in skus)]))
    assert holdfast("replay", str(orders), "--write-stock", str(stock), "--cover", "1").code == 0
    written = ["'+1-2", "'=1+1", "x;'=1+1;"]
    assert stock.read_text().splitlines()[1:] == [f"{sku},5,main,'-1+2" for sku in written]
    sheet = read_spreadsheet(stock, bytes_max=1_000)
    assert [(row.cell(0), row.cell(3)) for row in sheet.rows()] == [(sku, "-1+2") for sku in skus]


def test_a_stock_file_is_not_written_over_unless_forced(
    holdfast: Terminal, export: str, tmp_path: Path
) -> None:
    words = ("replay", export, "--write-stock", str(tmp_path / "stock.csv"))
    assert holdfast(*words).code == 0
    refused = holdfast(*words)
    assert refused.code == 2
    assert "--force" in refused.err
    assert holdfast(*words, "--force").code == 0


def test_a_stock_file_and_a_replay_in_one_run_give_one_document(
    holdfast: Terminal, export: str, tmp_path: Path
) -> None:
    stock = tmp_path / "stock.csv"
    words = ("--write-stock", str(stock), "--and-replay", "--json")
    ran = holdfast("replay", export, *ALL_PAY, *words)
    assert ran.document["fulfilled"] == 2
    assert stock.exists()


def test_an_unreachable_server_exits_with_3(
    holdfast: Terminal,
    export: str,
    shop: FakeReservationClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_ASK_AGAIN_PAUSE_SECONDS", 0.0)
    shop.make_unreachable()
    ran = holdfast("replay", export, *ALL_PAY, "--json")
    assert (ran.code, ran.document["unknown"]) == (3, 3)


def test_an_unavailable_inventory_exits_with_3(
    holdfast: Terminal, export: str, shop: FakeReservationClient
) -> None:
    shop.make_unavailable()
    ran = holdfast("replay", export, *ALL_PAY, "--json")
    assert (ran.code, ran.document["unavailable"]) == (3, 3)


def test_conflicts_exit_with_1_and_show_the_first_of_them(holdfast: Terminal, export: str) -> None:
    words = ("replay", export, *ALL_PAY, "--prefix", "same")
    holdfast(*words)
    ran = holdfast(*words, "--hold", "31", "--json")
    assert ran.code == 1
    (error,) = ran.document["errors"]
    assert (error["type"], error["count"]) == ("CheckoutConflict", 3)
    assert "same/" in error["example"]


def test_an_interrupted_replay_says_how_to_go_on(
    holdfast: Terminal,
    export: str,
    shop: FakeReservationClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shop, "reserve", interrupted)
    ran = holdfast("replay", export, "--prefix", "monday", "--no-progress")
    assert ran.code == 130
    assert "--prefix monday" in ran.err
    assert "Traceback" not in ran.err
