"""Order exports, read row by row: what is an order line, what is skipped, what is no export."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_client.cli.orders.columns import ColumnNames, OrderFileError
from holdfast_client.cli.orders.reading import (
    Order,
    OrderBook,
    OrderRules,
    SkipKind,
    parse_orders,
    read_orders,
)
from holdfast_client.spreadsheets.spreadsheet import parse_spreadsheet

HEADINGS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def export(*rows: str) -> str:
    return "\n".join([HEADINGS, *rows]) + "\n"


def row(
    order: str = "1001",
    sku: str = "MUG-01",
    quantity: str = "2",
    customer: str = "77",
    description: str = "A mug",
) -> str:
    return f'{order},{sku},"{description}",{quantity},1/2/26 9:00,1.25,{customer},Norway'


def skipped(book: OrderBook) -> dict[SkipKind, int]:
    return {one.kind: one.rows for one in book.skipped}


def test_the_lines_of_one_order_are_gathered_and_equal_skus_stay_apart() -> None:
    book = parse_orders(
        export(
            row("1001", "MUG-01", "2", customer=""),
            row("1002", "CUP-09", "1", customer=""),
            row("1001", "MUG-01", "3", customer="77"),
        )
    )
    assert book.orders == (
        Order("1001", (("MUG-01", 2), ("MUG-01", 3)), "77"),
        Order("1002", (("CUP-09", 1),), None),
    )
    assert (book.rows, book.skipped, book.orders_skipped) == (3, (), 0)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (row(order="C1003", quantity="-1"), SkipKind.CANCELLATION),
        (row(order="C1003", sku="POST", quantity="-1"), SkipKind.CANCELLATION),
        (row(quantity="-5", customer=""), SkipKind.WRITE_OFF),
        (row(quantity="-5", customer="77"), SkipKind.RETURN),
        (row(sku="POST"), SkipKind.SERVICE_CODE),
        (row(sku="bank charges"), SkipKind.SERVICE_CODE),
        (row(sku="D", quantity="-1"), SkipKind.SERVICE_CODE),
        (row(quantity="0"), SkipKind.BAD_QUANTITY),
        (row(quantity=""), SkipKind.BAD_QUANTITY),
        (row(quantity="two"), SkipKind.BAD_QUANTITY),
        (row(quantity="2.5"), SkipKind.BAD_QUANTITY),
        (row(quantity="1_0"), SkipKind.BAD_QUANTITY),
        (row(quantity="٣"), SkipKind.BAD_QUANTITY),
        (row(quantity="1000001"), SkipKind.BAD_QUANTITY),
        (row(quantity="9" * 5000), SkipKind.BAD_QUANTITY),
        (row(sku=""), SkipKind.BAD_SKU),
        (row(sku="M\x07G"), SkipKind.BAD_SKU),
        (row(sku="M" * 101), SkipKind.BAD_SKU),
        (row(order=""), SkipKind.BAD_ORDER_ID),
        (row(order="1" * 101), SkipKind.BAD_ORDER_ID),
        (row(customer="7" * 201), SkipKind.BAD_CUSTOMER_ID),
        ("1001,MUG-01", SkipKind.SHORT_ROW),
        (",,,,,,Norway,", SkipKind.BAD_ORDER_ID),
    ],
)
def test_a_row_that_is_no_sale_is_counted_by_its_kind_and_not_dropped(
    line: str, kind: SkipKind
) -> None:
    book = parse_orders(export(row("1000"), line))
    assert [order.order_id for order in book.orders] == ["1000"]
    assert (book.rows, skipped(book)) == (2, {kind: 1})


@pytest.mark.parametrize(
    ("text", "quantity"), [("1", 1), ("1000000", 1_000_000), (" 7 ", 7), ("6.0", 6), ("6.", 6)]
)
def test_whole_quantities_are_read_however_a_spreadsheet_writes_them(
    text: str, quantity: int
) -> None:
    book = parse_orders(export(row(quantity=text)))
    assert book.orders[0].lines == (("MUG-01", quantity),)


def test_an_order_keeps_its_good_lines_when_others_of_it_are_skipped() -> None:
    book = parse_orders(export(row(sku="POST"), row(quantity="x"), row(sku="CUP-09")))
    assert book.orders == (Order("1001", (("CUP-09", 2),), "77"),)
    assert book.orders_skipped == 0


@pytest.mark.parametrize(("lines", "is_order"), [(1000, True), (1001, False)])
def test_an_order_of_more_lines_than_a_checkout_may_have_is_skipped_whole(
    lines: int, is_order: bool
) -> None:
    book = parse_orders(export(*(row(sku=f"SKU-{n}") for n in range(lines))))
    assert len(book.orders) == is_order
    assert book.orders_skipped == (not is_order)
    assert skipped(book) == ({} if is_order else {SkipKind.TOO_MANY_LINES: lines})


@pytest.mark.parametrize(
    ("quantity", "lines"),
    [(1, (("MUG-01", 1_001),)), (600_000, (("MUG-01", 1_000_000),) * 600 + (("MUG-01", 600_000),))],
)
def test_many_rows_of_one_sku_are_as_few_lines_as_a_checkout_needs(
    quantity: int, lines: tuple[tuple[str, int], ...]
) -> None:
    book = parse_orders(export(*(row(quantity=str(quantity)) for _ in range(1_001))))
    assert book.orders == (Order("1001", lines, "77"),)
    assert (book.skipped, book.orders_skipped) == ((), 0)


def test_much_is_skipped_where_many_orders_are_though_they_have_few_of_the_rows() -> None:
    large = (row(f"{n}", f"SKU-{line}") for n in range(20) for line in range(100))
    book = parse_orders(export(*large, *(row(f"x{n}", quantity="none") for n in range(80))))
    assert book.rows_skipped < 0.1 * book.rows
    assert book.warnings()[0] == (
        "WARNING: 80 of 2,080 rows (4%) are no order lines, and 80 of 100 orders are left out:"
    )


@pytest.mark.parametrize(("refused", "is_told"), [(2, False), (3, True)])
def test_only_more_than_a_tenth_of_the_orders_is_many(refused: int, is_told: bool) -> None:
    large = (row(f"{n}", f"SKU-{line}") for n in range(18) for line in range(100))
    book = parse_orders(export(*large, *(row(f"x{n}", quantity="none") for n in range(refused))))
    assert bool(book.warnings()) == is_told


def test_what_only_takes_back_is_no_order_that_is_missing() -> None:
    large = (row(f"{n}", f"SKU-{line}") for n in range(10) for line in range(100))
    book = parse_orders(export(*large, *(row(f"C{n}", quantity="-1") for n in range(10))))
    assert (book.orders_skipped, book.orders_missing, book.warnings()) == (10, 0, ())


def test_further_service_codes_and_another_cancellation_mark_can_be_given() -> None:
    text = export(row("C1"), row("R1"), row("1", sku="WRAP"))
    rules = OrderRules(service_codes=frozenset({"wrap"}), cancellation_prefix="R")
    book = parse_orders(text, rules=rules)
    assert [order.order_id for order in book.orders] == ["C1"]
    assert skipped(book) == {SkipKind.CANCELLATION: 1, SkipKind.SERVICE_CODE: 1}


def test_no_order_is_taken_for_a_cancellation_when_none_are_marked() -> None:
    book = parse_orders(export(row("C1")), rules=OrderRules(cancellation_prefix=""))
    assert len(book.orders) == 1


@pytest.mark.parametrize(
    "headings",
    [
        "InvoiceNo,StockCode,Quantity,CustomerID",
        "invoice no,stock code,quantity,customer id",
        "order_id,sku,qty,customer",
        "Order Number,Item SKU,Units,User ID",
        "Order-ID,Lineitem sku,Lineitem quantity,Customer No.",
    ],
)
def test_usual_headings_are_known_whatever_their_case_and_spacing(headings: str) -> None:
    book = parse_orders(f"{headings}\n5,MUG-01,2,77\n")
    assert book.orders == (Order("5", (("MUG-01", 2),), "77"),)


def test_other_headings_can_be_named_and_then_only_those_count() -> None:
    text = "InvoiceNo,Bestellung,Artikel,Menge,Kunde\nwrong,5,MUG-01,2,77\n"
    names = ColumnNames(order="Bestellung", sku="artikel", quantity="Menge", customer="Kunde")
    assert parse_orders(text, columns=names).orders == (Order("5", (("MUG-01", 2),), "77"),)


@pytest.mark.parametrize(
    ("headings", "names", "said"),
    [
        ("a,sku,qty", ColumnNames(), ("order", "'a', 'sku', 'qty'", "--order-column")),
        ("order,b,qty", ColumnNames(), ("sku", "'b'", "--sku-column")),
        ("order,sku,c", ColumnNames(), ("quantity", "'c'", "--quantity-column")),
        ("order,sku,qty", ColumnNames(order="Bon"), ("order", "'Bon'", "--order-column")),
        ("order,sku,qty", ColumnNames(customer="Who"), ("'Who'", "--customer-column")),
    ],
)
def test_a_missing_column_is_named_with_the_headings_and_the_option_that_helps(
    headings: str, names: ColumnNames, said: tuple[str, ...]
) -> None:
    with pytest.raises(OrderFileError) as refusal:
        parse_orders(headings + "\n1,2,3\n", columns=names)
    assert all(words in str(refusal.value) for words in said)


def test_an_export_without_customers_is_read_and_its_negative_rows_are_write_offs() -> None:
    book = parse_orders("order,sku,qty\n1,MUG-01,2\n2,MUG-01,-2\n")
    assert book.orders == (Order("1", (("MUG-01", 2),), None),)
    assert skipped(book) == {SkipKind.WRITE_OFF: 1}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_headings(delimiter: str) -> None:
    lines = [["order", "sku", "qty"], ["1", "MUG-01", "2"]]
    text = "\n".join(delimiter.join(cells) for cells in lines)
    assert parse_orders(text).orders == (Order("1", (("MUG-01", 2),), None),)


def test_descriptions_may_hold_commas_quotes_and_line_breaks() -> None:
    book = parse_orders(export(row(description='Tin, 12"" wide,\nred'), row("1002", "CUP-09")))
    assert [order.lines for order in book.orders] == [(("MUG-01", 2),), (("CUP-09", 2),)]
    assert not book.skipped
    assert book.names == {"CUP-09": "A mug"}, "a name with a line break is none"


def test_the_first_description_of_a_sku_is_its_name() -> None:
    book = parse_orders(
        export(row(description=""), row(description="A mug, blue"), row(description="mug?"))
    )
    assert book.names == {"MUG-01": "A mug, blue"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_file_is_read_in_the_encodings_that_exports_come_in(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(export(row(sku="CAFÉ-01")).encode(encoding))
    assert read_orders(path).orders[0].lines == (("CAFÉ-01", 2),)


def test_bytes_that_no_encoding_but_latin_1_knows_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(export(row(description="\x81 pot é")).encode("latin-1"))
    assert len(read_orders(path).orders) == 1


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(line_end: str) -> None:
    assert len(parse_orders(line_end.join([HEADINGS, row(), "", row("1002")])).orders) == 2


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    with pytest.raises(OrderFileError, match=r"orders\.csv: is empty"):
        read_orders(path)


def test_headings_alone_are_an_export_without_orders() -> None:
    assert parse_orders(HEADINGS).orders == ()


@pytest.mark.parametrize("below", [row("1003"), "1003,MUG-01,A mug,2", "", '1003,"","",2'])
def test_an_open_quote_is_refused_with_its_line_and_swallows_no_rows(below: str) -> None:
    broken = '1002,MUG-01,"never closed,1,1/2/26,1.25,77,Norway'
    with pytest.raises(OrderFileError, match="line 3 opens a quote that is never closed"):
        parse_orders(export(row(), broken, below))


def test_a_quote_inside_an_unquoted_cell_is_a_mere_character() -> None:
    book = parse_orders('order,description,sku,qty\n1,12" wide,MUG-01,2\n2,x,MUG-01,1\n')
    assert book.names == {"MUG-01": '12" wide'}
    assert len(book.orders) == 2


def test_an_enormous_cell_is_refused_with_its_line() -> None:
    with pytest.raises(OrderFileError, match="row at line 3 is broken"):
        parse_orders(export(row(), row(description="x" * 200_000)))


def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OrderFileError, match="cannot be read"):
        read_orders(tmp_path / "missing.csv")
    with pytest.raises(OrderFileError, match="cannot be read"):
        read_orders(tmp_path)


def test_the_first_orders_can_be_taken_and_what_was_skipped_stays_counted() -> None:
    book = parse_orders(export(row("1"), row("2"), row("3"), row("C3"))).first(2)
    assert [order.order_id for order in book.orders] == ["1", "2"]
    assert skipped(book) == {SkipKind.CANCELLATION: 1}


CELLS = st.one_of(
    st.sampled_from(["1001", "C1", "MUG-01", "POST", "-3", "2", "", "x", "1.0"]),
    st.text(max_size=12),
)


@given(rows=st.lists(st.lists(CELLS, max_size=9), max_size=20))
def test_whatever_the_rows_hold_each_is_counted_exactly_once(rows: list[list[str]]) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in rows]
    book = parse_orders(export(*quoted))
    lines = sum(len(order.lines) for order in book.orders)
    assert lines + book.rows_skipped == book.rows
    assert book.rows == len(list(parse_spreadsheet(export(*quoted)).rows()))


@given(raw=st.binary(max_size=300))
def test_any_bytes_at_all_are_read_or_refused_but_never_crash(
    raw: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("junk") / "orders.csv"
    path.write_bytes(HEADINGS.encode() + b"\n" + raw)
    try:
        book = read_orders(path)
    except OrderFileError:
        return
    assert sum(len(o.lines) for o in book.orders) + book.rows_skipped == book.rows
