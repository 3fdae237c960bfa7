"""The exports of shops as they come, read without options: what was sold, and what was not.

The rows are made up; the headings are those of the exports.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast_client.cli.orders.columns import ColumnNames, OrderFileError
from holdfast_client.cli.orders.reading import OrderBook, OrderRules, parse_orders, read_orders

Lines = dict[str, list[tuple[str, int]]]


def sold(book: OrderBook) -> Lines:
    return {order.order_id: list(order.lines) for order in book.orders}


def skipped(book: OrderBook) -> dict[str, int]:
    return {one.kind.value: one.rows for one in book.skipped}


SHOPIFY = """\
Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Total,Created at,\
Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Lineitem fulfillment status,\
Cancelled at,Refunded Amount,Id
#1001,a@example.org,paid,2026-01-02,fulfilled,EUR,30,2026-01-02,2,Mug - blue,10,MUG-01,pending,,0,91
#1001,a@example.org,,,,,,,1,Cup,10,CUP-09,fulfilled,,,
#1002,b@example.org,refunded,2026-01-02,,EUR,10,2026-01-02,1,Mug - blue,10,MUG-01,pending,,10,92
#1002,b@example.org,,,,,,,4,Cup,10,CUP-09,pending,,,
#1003,c@example.org,voided,,,EUR,10,2026-01-03,1,Cup,10,CUP-09,pending,,0,93
#1004,d@example.org,paid,2026-01-03,,EUR,10,2026-01-03,1,Cup,10,CUP-09,pending,2026-01-04,0,94
#1005,e@example.org,partially_refunded,2026-01-03,,EUR,20,2026-01-03,3,Cup,10,CUP-09,pending,,10,95
#1006,f@example.org,pending,,,EUR,20,2026-01-03,1,Cup,10,CUP-09,pending,,0,96
"""


def test_shopify() -> None:
    book = parse_orders(SHOPIFY)
    assert sold(book) == {
        "#1001": [("MUG-01", 2), ("CUP-09", 1)],
        "#1005": [("CUP-09", 3)],
        "#1006": [("CUP-09", 1)],
    }
    assert skipped(book) == {"cancellation": 4}
    assert book.names["MUG-01"] == "Mug - blue"
    assert not book.remarks


def test_statuses_of_no_clear_meaning_are_told() -> None:
    text = "order_id,sku,quantity,status\n"
    words = ["Bezahlt", "Storniert", "Storniert", "paid", "", "paypal_canceled_reversal"]
    text += "".join(f"o-{n},MUG-01,1,{word}\n" for n, word in enumerate(words))
    book = parse_orders(text)
    assert len(book.orders) == len(words)
    taken, remedy = "were taken for sales:", "(--no-sale STATUS leaves one out)"
    (remark,) = book.remarks
    assert remark.endswith(f"{taken} 2 'Storniert', 1 'Bezahlt' {remedy}")
    rules = OrderRules(no_sale_statuses=frozenset({"storniert"}))
    (remark,) = parse_orders(text, rules=rules).remarks
    assert remark.endswith(f"{taken} 1 'Bezahlt' {remedy}")


def test_a_cancelled_order_is_none_whatever_the_reason_and_a_refused_cancellation_is_told() -> None:
    words = ["Cancelled by customer request", "CancelledByBuyer", "paid", "CancelRejected"]
    rows = "".join(f"o-{n},MUG-01,1,{word}\n" for n, word in enumerate(words))
    book = parse_orders("order_id,sku,quantity,status\n" + rows)
    assert set(sold(book)) == {"o-2", "o-3"}
    (remark,) = book.remarks
    assert "were taken for sales: 1 'CancelRejected' (" in remark


def test_of_many_such_statuses_the_rest_is_counted() -> None:
    text = "order_id,sku,quantity,status\n"
    text += "".join(f"o-{n},MUG-01,1,{'xyzwvut'[n]}a\n" for n in range(7))
    (remark,) = parse_orders(text).remarks
    assert "1 'va', 2 more (--no-sale" in remark


def test_shopify_without_any_sku_goes_by_the_names_and_says_so() -> None:
    book = parse_orders(SHOPIFY.replace("MUG-01", "").replace("CUP-09", ""))
    assert sold(book)["#1001"] == [("Mug - blue", 2), ("Cup", 1)]
    assert book.remarks == (
        (
            "the sku column is 'Lineitem name', not 'Lineitem sku' (empty) "
            "(--sku-column names another)"
        ),
    )


def test_woocommerce_with_a_row_for_each_product() -> None:
    book = parse_orders(
        "Order Number,Order Status,Order Date,Customer Note,Item #,SKU,Item Name,"
        "Quantity (- Refund),Item Cost\n"
        "501,Completed,2026-01-02,,1,MUG-01,Mug,2,10\n"
        "501,Completed,2026-01-02,,2,CUP-09,Cup,1,10\n"
        "502,Cancelled,2026-01-02,,1,MUG-01,Mug,1,10\n"
        "503,Refunded,2026-01-02,,1,MUG-01,Mug,1,10\n"
        "504,Failed,2026-01-02,,1,MUG-01,Mug,1,10\n"
        "505,Processing,2026-01-02,,1,MUG-01,Mug,1,10\n"
        "506,On hold,2026-01-02,,1,MUG-01,Mug,1,10\n"
    )
    assert sold(book) == {
        "501": [("MUG-01", 2), ("CUP-09", 1)],
        "505": [("MUG-01", 1)],
        "506": [("MUG-01", 1)],
    }
    assert skipped(book) == {"cancellation": 3}


def test_woocommerce_in_snake_case_with_internal_statuses() -> None:
    book = parse_orders(
        "order_id,order_number,date,status,customer_id,item_id,item_name,item_sku,item_quantity\n"
        "7,1007,2026-01-02,wc-completed,0,11,Mug,MUG-01,2\n"
        "8,1008,2026-01-02,wc-cancelled,4,12,Mug,MUG-01,1\n"
        "9,1009,2026-01-02,checkout-draft,4,13,Mug,MUG-01,1\n"
        "10,1010,2026-01-02,wc-pending,4,14,Mug,MUG-01,1\n"
    )
    assert sold(book) == {"7": [("MUG-01", 2)], "10": [("MUG-01", 1)]}
    assert [order.customer_id for order in book.orders] == [None, "4"], "0 is nobody"
    assert "not 'order_number'" in book.remarks[0]


def test_magento_with_decimals_and_without_the_parts_twice() -> None:
    book = parse_orders(
        "item_id;order_id;parent_item_id;product_type;sku;name;qty_canceled;qty_ordered;"
        "qty_refunded\n"
        "1;77;NULL;configurable;MUG-BLUE;Mug;0,0000;2,0000;0,0000\n"
        "2;77;1;simple;MUG-BLUE;Mug, blue;0,0000;2,0000;0,0000\n"
        "3;77;;simple;CUP-09;Cup;0,0000;12,0000;2,0000\n"
        "4;78;;simple;CUP-09;Cup;1,0000;1,0000;0,0000\n"
        "5;79;;simple;CUP-09;Cup;0,0000;3,0000;3,0000\n"
    )
    assert sold(book) == {"77": [("MUG-BLUE", 2), ("CUP-09", 12)]}
    assert skipped(book) == {"cancellation": 2, "set": 1}


def test_magento_by_the_number_that_customers_know() -> None:
    book = parse_orders(
        "item_id,status,sku,qty_ordered,increment_id,Customer ID\n"
        "211131,complete,MUG-01,1.0000,100147443,1\n"
        "211132,canceled,MUG-01,1.0000,100147444,2\n"
        "211133,closed,MUG-01,1.0000,100147445,3\n"
        "211134,order_refunded,MUG-01,1.0000,100147446,4\n"
        "211135,\\N,MUG-01,2.0000,100147447,\\N\n"
    )
    assert sold(book) == {"100147443": [("MUG-01", 1)], "100147447": [("MUG-01", 2)]}
    assert [order.customer_id for order in book.orders] == ["1", None]


def test_elsewhere_a_closed_order_is_a_sale() -> None:
    book = parse_orders("order_id,status,sku,qty\n1,closed,MUG-01,1\n")
    assert sold(book) == {"1": [("MUG-01", 1)]}


AMAZON = """\
amazon-order-id\tmerchant-order-id\tpurchase-date\torder-status\tsales-channel\tproduct-name\tsku\
\tasin\titem-status\tquantity\tcurrency\titem-price
902-1\t\t2026-01-02\tShipped\tAmazon.de\t"Big" mug\tMUG-01\tB0\tShipped\t2\tEUR\t20.0
902-1\t\t2026-01-02\tShipped\tAmazon.de\t"Cup\tCUP-09\tB1\tCancelled\t0\tEUR\t
902-2\t\t2026-01-02\tCancelled\tAmazon.de\tPot 12"\tMUG-01\tB0\tCancelled\t0\tEUR\t
902-3\t\t2026-01-02\tPending\tAmazon.de\tMug\tMUG-01\tB0\tUnshipped\t1\tEUR\t10.0
"""


@pytest.mark.parametrize(
    ("headings", "report"),
    [
        ("Date,Order #,Status,Customer,Product(s),Items sold", "the orders report of WooCommerce"),
        ("ID,Purchase Point,Purchase Date,Grand Total (Base),Status", "the order grid of Magento"),
    ],
)
def test_a_report_without_articles_is_named_with_what_to_export_instead(
    headings: str, report: str
) -> None:
    row = ",".join("1" for _ in headings.split(","))
    with pytest.raises(OrderFileError, match=f"{report} .* a row for each of their items"):
        parse_orders(f"{headings}\n{row}\n")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_amazon_parted_by_tabs_with_quotes_that_are_mere_characters(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "orders.txt"
    path.write_bytes(AMAZON.replace("\n", "\r\n").encode(encoding))
    book = read_orders(path)
    assert sold(book) == {"902-1": [("MUG-01", 2)], "902-3": [("MUG-01", 1)]}
    assert skipped(book) == {"cancellation": 2}


def test_amazon_orders_to_be_shipped() -> None:
    book = parse_orders(
        "order-id\torder-item-id\tpurchase-date\tbuyer-name\tsku\tproduct-name\t"
        "quantity-purchased\tquantity-shipped\n"
        "902-1\t11\t2026-01-02\tSomebody\tMUG-01\tMug\t3\t0\n"
    )
    assert sold(book) == {"902-1": [("MUG-01", 3)]}


OLIST_ITEMS = """\
"order_id","order_item_id","product_id","seller_id","shipping_limit_date","price","freight_value"
"00a1",1,"4244","48436","2026-01-02 09:45:35",58.90,13.29
"00a1",2,"4244","48436","2026-01-02 09:45:35",58.90,13.29
"00a2",1,"e5f2","dd7d","2026-01-02 11:05:13",239.90,19.93
"00a3",1,"e5f2","dd7d","2026-01-02 11:05:13",239.90,19.93
"""
OLIST_ORDERS = """\
"order_id","customer_id","order_status","order_purchase_timestamp"
"00a1","9ef4","delivered","2026-01-01 10:56:33"
"00a2","b083","canceled","2026-01-01 20:41:37"
"00a3","41ce","unavailable","2026-01-01 08:38:49"
"""


def test_olist_has_no_quantities_so_each_row_is_one_unit() -> None:
    book = parse_orders(OLIST_ITEMS)
    assert sold(book)["00a1"] == [("4244", 1), ("4244", 1)]
    assert len(book.orders) == 3
    assert book.remarks == (
        "there is no quantity column, so each row is one unit (--quantity-column names one)",
    )


def test_the_file_beside_olist_s_items_says_what_was_cancelled(tmp_path: Path) -> None:
    items = tmp_path / "olist_order_items_dataset.csv"
    items.write_text(OLIST_ITEMS)
    orders = tmp_path / "olist_orders_dataset.csv"
    orders.write_text(OLIST_ORDERS)
    book = read_orders(items)
    assert set(sold(book)) == {"00a1", "00a3"}
    assert f"{orders} says how the orders stand" in book.remarks
    assert set(sold(read_orders(items, columns=ColumnNames(status="")))) == {"00a1", "00a2", "00a3"}
    elsewhere = tmp_path / "standing.csv"
    elsewhere.write_text(OLIST_ORDERS.replace("delivered", "refunded"))
    assert set(sold(read_orders(items, statuses=elsewhere))) == {"00a3"}


def test_superstore_whose_order_numbers_begin_with_a_country(tmp_path: Path) -> None:
    path = tmp_path / "superstore.csv"
    path.write_bytes(
        (
            "Row ID,Order ID,Order Date,Ship Mode,Customer ID,Customer Name,State,Product ID,"
            "Product Name,Sales,Quantity,Discount,Profit\n"
            "1,CA-2021-152156,11/8/2021,Second Class,CG-1,Somebody,Kentucky,FUR-BO-1,"
            '"Bookcase, café",261.96,2,0,41\n'
            "2,CA-2021-152156,11/8/2021,Second Class,CG-1,Somebody,Ohio,FUR-CH-2,Chair,7,3,0,2\n"
            "3,US-2020-108966,10/11/2020,First Class,SO-2,Somebody,Florida,FUR-TA-3,Table,9,5,0,3\n"
        ).encode("cp1252")
    )
    book = read_orders(path)
    assert sold(book) == {
        "CA-2021-152156": [("FUR-BO-1", 2), ("FUR-CH-2", 3)],
        "US-2020-108966": [("FUR-TA-3", 5)],
    }
    assert (book.skipped, book.remarks) == ((), ())


def test_a_letter_before_the_number_of_another_order_marks_its_cancellation() -> None:
    book = parse_orders("order,sku,qty\nA1,MUG-01,1\nCA1,MUG-01,1\nCA2,MUG-01,1\nC9,MUG-01,-1\n")
    assert set(sold(book)) == {"A1", "CA2"}
    assert skipped(book) == {"cancellation": 2}


def test_codes_of_services_are_goods_where_nobody_says_otherwise() -> None:
    book = parse_orders("order,sku,qty\n1,M,1\n1,POST,1\n")
    assert sold(book) == {"1": [("M", 1), ("POST", 1)]}


def test_rows_without_a_status_have_that_of_their_order_wherever_it_stands() -> None:
    book = parse_orders("order,sku,qty,status\n1,A,1,\n1,B,1,cancelled\n2,A,1,\n")
    assert sold(book) == {"2": [("A", 1)]}


def test_a_line_may_be_cancelled_alone() -> None:
    book = parse_orders("order,sku,qty,item status\n1,A,1,shipped\n1,B,1,cancelled\n")
    assert sold(book) == {"1": [("A", 1)]}


@pytest.mark.parametrize(
    ("mark", "is_sale"),
    [
        ("", True),
        ("false", True),
        ("0", True),
        ("\\N", True),
        ("2026-01-02", False),
        ("yes", False),
    ],
)
def test_a_time_of_cancellation_is_no_sale(mark: str, is_sale: bool) -> None:
    book = parse_orders(f"order,sku,qty,Cancelled at\n1,A,1,{mark}\n")
    assert bool(book.orders) == is_sale
