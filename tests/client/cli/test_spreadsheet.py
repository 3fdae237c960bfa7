"""Tables as they come out of spreadsheets, shops and databases: bytes, delimiters, rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast_client.spreadsheets.csv_text import csv_text
from holdfast_client.spreadsheets.spreadsheet import (
    Spreadsheet,
    SpreadsheetError,
    decode,
    parse_spreadsheet,
    plain_heading,
    read_spreadsheet,
)

MEBIBYTE = 1024 * 1024


def table(sheet: Spreadsheet) -> list[tuple[str, ...]]:
    return [sheet.headings.cells, *(row.cells for row in sheet.rows())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = f"sku{delimiter}qty\nMUG-01{delimiter}2\n"
    assert table(parse_spreadsheet(text)) == [("sku", "qty"), ("MUG-01", "2")]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("name;price, net;qty, in pieces, as of today\nMug;1,5;2\n", 3),
        ("a;b;c\n1,5;2,5;3,5\n", 3),
        ('"a;b",c\n"1;2;3;4",5\n', 2),
        ("a;b, c\n", 2),
        ("sku\nMUG-01\n", 1),
    ],
)
def test_the_delimiter_is_what_parts_headings_and_rows_alike(text: str, cells: int) -> None:
    assert {len(cells_of) for cells_of in table(parse_spreadsheet(text))} == {cells}


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=;\r"])
def test_a_line_that_names_the_delimiter_is_believed_and_is_no_row(line: str) -> None:
    sheet = parse_spreadsheet(f"{line}\na,b;c,d,e\n1;2\n")
    assert table(sheet) == [("a,b", "c,d,e"), ("1", "2")]
    assert [row.line for row in (sheet.headings, *sheet.rows())] == [2, 3]


@pytest.mark.parametrize("delimiter", [",", "\t", "|"])
def test_a_line_may_name_any_delimiter(delimiter: str) -> None:
    assert table(parse_spreadsheet(f"sep={delimiter}\na;x{delimiter}b\n")) == [("a;x", "b")]


@pytest.mark.parametrize(
    ("bytes_of", "encoding"),
    [
        (lambda text: text.encode(), "utf-8"),
        (lambda text: text.encode("utf-8-sig"), "utf-8-sig"),
        (lambda text: text.encode("cp1252"), "cp1252"),
        (lambda text: text.encode("utf-16"), "utf-16"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "utf-16"),
        (lambda text: text.encode("utf-16-le"), "utf-16-le"),
        (lambda text: text.encode("utf-16-be"), "utf-16-be"),
        (lambda text: b"\x81" + text.encode("cp1252"), "latin-1"),
    ],
)
def test_a_file_is_read_in_the_encodings_that_exports_come_in(
    tmp_path: Path, bytes_of: object, encoding: str
) -> None:
    path = tmp_path / "table.csv"
    assert callable(bytes_of)
    path.write_bytes(bytes_of("sku;qty\r\nCAFÉ-01;2\r\n"))
    sheet = read_spreadsheet(path, bytes_max=MEBIBYTE)
    assert table(sheet)[1] == ("CAFÉ-01", "2")
    assert sheet.encoding == encoding


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"PK\x03\x04...", "is an Excel workbook or an archive; save the table in it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "is an Excel workbook"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"%PDF-1.7", "is a PDF"),
        ("sku".encode("utf-16") + b"x", "is broken utf-16"),
        (b"\xef\xbb\xbfsku\xff", "is broken utf-8"),
    ],
)
def test_what_is_no_text_is_refused_and_said_so(raw: bytes, said: str) -> None:
    with pytest.raises(SpreadsheetError, match=said):
        decode(raw)


def test_empty_rows_are_left_out_and_lines_are_counted_all_the_same() -> None:
    sheet = parse_spreadsheet(
        ';;\nsku;qty;name\n\nMUG-01;2;"blue,\nlarge"\n;;\n  ; ;\n"";;\nCUP;1;\n;;\n'
    )
    assert [(row.line, row.cells[0]) for row in sheet.rows()] == [(4, "MUG-01"), (9, "CUP")]
    assert sheet.headings.line == 2


def test_cells_have_no_spaces_around_them_and_codes_kept_as_text_are_codes() -> None:
    sheet = parse_spreadsheet('sku,qty\n="00123", 2\N{NO-BREAK SPACE}\n"=""00124""",3\n')
    assert table(sheet)[1:] == [("00123", "2"), ("00124", "3")]


def test_a_cell_that_a_row_does_not_have_is_empty() -> None:
    (row,) = parse_spreadsheet("a,b\n1\n").rows()
    assert [row.cell(0), row.cell(1), row.cell(None)] == ["1", "", ""]


@pytest.mark.parametrize("text", ["", "\n\n", ";;;\n;;;\n", "sep=;\n"])
def test_a_table_without_headings_is_refused(text: str) -> None:
    with pytest.raises(SpreadsheetError, match="is empty"):
        _ = parse_spreadsheet(text).headings


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(line_end: str) -> None:
    text = line_end.join(["a;b", "1;2", "", "3;4"])
    assert [(row.line, row.cells) for row in parse_spreadsheet(text).rows()] == [
        (2, ("1", "2")),
        (4, ("3", "4")),
    ]


def test_an_open_quote_is_refused_with_its_line() -> None:
    with pytest.raises(SpreadsheetError, match="line 3 opens a quote that is never closed"):
        list(parse_spreadsheet('a,b\n1,2\n"3,4\n5,6\n').rows())


def test_an_enormous_cell_is_refused_with_its_line() -> None:
    with pytest.raises(SpreadsheetError, match="row at line 2 is broken"):
        list(parse_spreadsheet(f"a,b\n1,{'x' * 200_000}\n").rows())


def test_between_tabs_quotes_are_mere_characters_where_they_part_nothing() -> None:
    text = 'sku\tname\tqty\nM1\t"Best" mug\t1\nM2\t"Big pot\t2\nM3\tbowl 12"\t3\n'
    sheet = parse_spreadsheet(text)
    assert [row.cells for row in sheet.rows()] == [
        ("M1", '"Best" mug', "1"),
        ("M2", '"Big pot', "2"),
        ("M3", 'bowl 12"', "3"),
    ]
    assert [row.line for row in sheet.rows()] == [2, 3, 4]


def test_between_tabs_a_quoted_cell_of_excel_stays_one_cell() -> None:
    sheet = parse_spreadsheet('sku\tname\tqty\nM1\t"Mug ""blue"",\nlarge"\t1\n')
    assert table(sheet)[1] == ("M1", 'Mug "blue",\nlarge', "1")


def test_between_tabs_a_note_with_a_tab_and_a_line_break_of_its_own_stays_one_cell() -> None:
    rows = "".join(f"M{n}\tplain\t{n}\n" for n in range(1, 4))
    sheet = parse_spreadsheet(f'sku\tnote\tqty\n{rows}M4\t"call\tfirst,\nthen ship"\t4\n')
    assert table(sheet)[4] == ("M4", "call\tfirst,\nthen ship", "4")


def test_a_file_that_is_too_large_or_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("sku\n1\n")
    with pytest.raises(SpreadsheetError, match=r"table\.csv has 6 bytes; split it .* at most 5"):
        read_spreadsheet(path, bytes_max=5)
    for absent in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(SpreadsheetError, match="cannot be read"):
            read_spreadsheet(absent, bytes_max=MEBIBYTE)


@pytest.mark.parametrize(
    "heading", ["Stock Code", "stock_code", "STOCKCODE", " Stock-Code. ", "\ufeffStockCode"]
)
def test_headings_are_the_same_whatever_their_case_and_spacing(heading: str) -> None:
    assert plain_heading(heading) == "stockcode"


@given(raw=st.binary(max_size=300))
def test_any_bytes_at_all_are_read_or_refused_but_never_crash(raw: bytes) -> None:
    try:
        text, encoding = decode(raw)
        sheet = parse_spreadsheet(text, encoding=encoding)
        _ = sheet.headings
        rows = list(sheet.rows())
    except SpreadsheetError:
        return
    assert all(any(row.cells) for row in rows)


def test_around_a_cell_nothing_stays_that_nobody_sees_and_letters_are_one() -> None:
    text = "sku,quantity\n\ufeff\u00a0TA\u0308SSE\u200b ,\u00a03\n"
    (row,) = parse_spreadsheet(text).rows()
    assert row.cells == ("T\u00c4SSE", "3")


def test_a_cell_that_was_written_as_text_for_spreadsheets_is_read_as_it_was() -> None:
    text = csv_text([("sku", "quantity"), ("=A1", -3), ("'@x", 1)])
    assert [row.cells for row in parse_spreadsheet(text).rows()] == [("=A1", "-3"), ("'@x", "1")]


def test_so_is_one_with_a_formula_behind_a_semicolon() -> None:
    skus = ("x;=1+1", "x;=1+1;", "x;'=1", "it's;2")
    text = csv_text([("sku", "quantity"), *((sku, 1) for sku in skus)])
    assert [row.cell(0) for row in parse_spreadsheet(text).rows()] == list(skus)
