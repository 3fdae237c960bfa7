"""What an operator types, and what comes back: words, and an exit code to branch on."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from activities.inventory.database.migrate import latest_version
from activities.inventory.ledger import Ledger
from activities.inventory.ledger_operations import BATCH_SIZE_MAX
from activities.inventory.ledger_readings import PAGE_SIZE_MAX
from activities.inventory.reading.audits import BREACHES_MAX
from activities.inventory.records import StockRow
from tests.worker.conftest import Operator

NOWHERE = "postgresql://holdfast:geheim@127.0.0.1:1/holdfast"


def _execute(operator: Operator, statement: str) -> None:
    with psycopg.connect(operator.environment["HOLDFAST_DATABASE_URL"], autocommit=True) as link:
        link.execute(statement)


@pytest.fixture
def stock_file(tmp_path: Path) -> Path:
    file = tmp_path / "stock.csv"
    file.write_text("sku,quantity,location,name\nMUG-01,30,main,Mug\nTEAPOT,2,main,Teapot\n")
    return file


def test_migrate_brings_an_empty_database_up_and_then_has_nothing_to_do(
    operator_without_schema: Operator,
):
    first, second = (operator_without_schema.run("migrate") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == f"schema None -> {latest_version()}\n"
    assert second.stdout == f"schema {latest_version()} (nothing to do)\n"


def test_health_is_0_when_both_servers_answer(operator: Operator):
    result = operator.run("health")
    assert (result.returncode, result.stderr) == (0, "")


def test_health_names_each_server_that_does_not_answer(operator: Operator):
    result = operator.run("health", HOLDFAST_DATABASE_URL=NOWHERE, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert result.returncode == 1
    database, temporal = result.stderr.splitlines()
    assert database.startswith("database: the database cannot be reached")
    assert temporal.startswith("Temporal: ")
    assert "geheim" not in result.stderr


def test_an_address_of_temporal_with_a_scheme_is_a_wrong_setting(operator: Operator):
    for words in ((), ("health",)):
        result = operator.run(*words, TEMPORAL_ADDRESS="http://127.0.0.1:7233")
        assert (result.returncode, result.stdout) == (2, "")
        assert "write HOST:PORT alone, such as 127.0.0.1:7233" in result.stderr
        assert result.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_a_wrong_usage(operator: Operator):
    for words in (("stock", "load", "nowhere.csv"), ("demo", "--orders", "nowhere.csv")):
        result = operator.run(*words)
        assert (result.returncode, result.stdout) == (2, "")
        assert "nowhere.csv" in result.stderr


def test_an_empty_data_directory_is_refused_before_anything_is_made(operator: Operator):
    result = operator.run("dev", "--data-dir", "")
    assert result.returncode == 2
    assert "the directory has no name" in result.stderr


def test_health_says_to_migrate_where_there_is_no_schema(operator_without_schema: Operator):
    result = operator_without_schema.run("health")
    assert result.returncode == 1
    assert "python -m worker migrate" in result.stderr


def test_a_worker_without_a_schema_says_to_migrate(operator_without_schema: Operator):
    result = operator_without_schema.run(HOLDFAST_STARTUP_WAIT_SECONDS="0")
    assert result.returncode == 3
    assert "python -m worker migrate" in result.stderr


def test_a_worker_without_settings_names_what_is_missing(operator: Operator):
    environment = {k: v for k, v in operator.environment.items() if "DATABASE" not in k}
    result = Operator(environment).run()
    assert (result.returncode, result.stderr) == (2, "HOLDFAST_DATABASE_URL is not set\n")


def test_a_stock_file_is_loaded_and_a_second_load_changes_nothing(
    operator: Operator, stock_file: Path
):
    first, second = (operator.run("stock", "load", str(stock_file)) for _ in range(2))
    assert first.stdout == (
        "2 rows: 2 new, 0 changed, 0 as they were\nnew: MUG-01 at main, TEAPOT at main\n"
    )
    assert second.stdout == "2 rows: 0 new, 0 changed, 2 as they were\n"
    told = operator.run("audit")
    assert told.stdout == "I1, I2, I3, I4, I5 and I6 hold\n"
    assert told.stderr.splitlines() == [
        f"checking {name}" for name in ("I1", "I2", "I3", "I4", "I5", "I6")
    ]


def test_a_stock_file_with_a_bad_row_loads_nothing_and_names_the_line(
    operator: Operator, stock_file: Path
):
    stock_file.write_text(stock_file.read_text() + "LAMP,-3,main,Lamp\n")
    result = operator.run("stock", "load", str(stock_file))
    assert result.returncode == 1
    assert result.stderr.startswith("line 4: quantity: ")
    assert result.stderr.endswith("nothing was loaded\n")
    assert operator.run("stock", "show").stdout == ""


def test_a_stock_file_below_what_is_reserved_loads_nothing_and_names_the_line(
    operator: Operator, stock_file: Path
):
    operator.run("stock", "load", str(stock_file))
    _execute(operator, "UPDATE holdfast.stock_items SET reserved_quantity = 2 WHERE sku = 'TEAPOT'")
    stock_file.write_text("sku,quantity\nMUG-01,1\nTEAPOT,1\n")
    result = operator.run("stock", "load", str(stock_file))
    assert result.returncode == 1
    assert result.stderr.startswith("line 3: TEAPOT at main: 1 is below the 2 reserved\n")
    assert result.stderr.endswith("\nnothing was loaded\n")
    assert "MUG-01\tmain\tMug\t30" in operator.run("stock", "show", "MUG-01").stdout


def test_audit_prints_each_breach_and_exits_with_1(operator: Operator, stock_file: Path):
    operator.run("stock", "load", str(stock_file))
    _execute(operator, "UPDATE holdfast.stock_items SET reserved_quantity = 2 WHERE sku = 'TEAPOT'")
    result = operator.run("audit")
    assert result.returncode == 1
    assert [line[:2] for line in result.stdout.splitlines()] == ["I2", "I3"]
    assert "TEAPOT at main" in result.stdout


def test_low_stock_shows_what_has_five_or_fewer_available(operator: Operator, stock_file: Path):
    operator.run("stock", "load", str(stock_file))
    assert operator.run("stock", "low").stdout.split("\t")[1] == "TEAPOT"
    assert operator.run("stock", "low", "--threshold", "1").stdout == ""


def test_overdue_lists_only_what_is_older_than_asked(operator: Operator):
    _execute(
        operator,
        "INSERT INTO holdfast.reservations (checkout_id, status, expires_at, created_at) "
        "VALUES ('c1', 'held', holdfast.clock() - interval '90 s', now())",
    )
    assert operator.run("overdue").stdout.split("\t")[:2] == ["overdue", "c1"]
    assert operator.run("overdue", "--older-than", "1m").stdout != ""
    # So much more that no slow machine gets there while the test runs.
    assert operator.run("overdue", "--older-than", "1d").stdout == ""


def test_more_overdue_holds_than_a_page_has_are_counted(operator: Operator):
    _execute(
        operator,
        "INSERT INTO holdfast.reservations (checkout_id, status, expires_at, created_at) "
        "SELECT 'c' || n, 'held', holdfast.clock() - interval '90 s', now() "
        f"FROM generate_series(1, {PAGE_SIZE_MAX + 2}) AS n",
    )
    result = operator.run("overdue")
    assert len(result.stdout.splitlines()) == PAGE_SIZE_MAX
    assert result.stderr == "only the first 1,000 of 1,002 are shown\n"


def test_stock_of_more_skus_than_one_page_has_is_shown(operator: Operator, tmp_path: Path):
    skus = [f"SKU-{number:04}" for number in range(2 * BATCH_SIZE_MAX + 1)]
    file = tmp_path / "wide.csv"
    file.write_text("\n".join(["sku,quantity", *(f"{sku},1" for sku in skus)]))
    operator.run("stock", "load", str(file))
    for words in ((), skus):
        shown = operator.run("stock", "show", *words).stdout.splitlines()
        assert [line.split("\t")[1] for line in shown] == skus


def test_breaches_beyond_the_most_that_are_read_are_said_to_be_more(operator: Operator):
    _execute(
        operator,
        "INSERT INTO holdfast.stock_items (sku, location, total_quantity) "
        f"SELECT 'SKU-' || n, 'main', 1 FROM generate_series(1, {BREACHES_MAX + 1}) AS n",
    )
    result = operator.run("audit")
    assert (result.returncode, result.stderr.splitlines()[-1]) == (1, "at least 1,000 breaches")


@pytest.mark.parametrize("words", [["audit"], ["stock", "show"], ["migrate"], ["overdue"]])
def test_a_database_that_is_not_there_is_exit_code_3_without_its_password(
    operator: Operator, words: list[str]
):
    result = operator.run(*words, HOLDFAST_DATABASE_URL=NOWHERE)
    assert result.returncode == 3
    assert "Traceback" not in result.stderr
    assert "geheim" not in result.stderr


def test_an_unknown_command_is_exit_code_2(operator: Operator):
    assert operator.run("frobnicate").returncode == 2


def test_a_name_that_the_terminal_cannot_show_is_escaped(operator: Operator, stock_file: Path):
    stock_file.write_text("sku,quantity,location,name\nT\u00c4SSE,30,main,T\u00e4sse\n", "utf-8")
    operator.run("stock", "load", str(stock_file))
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = operator.run("stock", "show", **ascii_only)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "stock\tT\\xc4SSE\tmain\tT\\xe4sse\t30\t0\t30\tyes\n"
    unknown = operator.run("history", "T\u00e4sse", **ascii_only)
    assert unknown.stderr == "there is no stock item 'T\\xe4sse'\n"


def test_with_json_a_list_is_one_document(operator: Operator, ledger: Ledger):
    ledger.load_stock([StockRow("TEAPOT", "main", 2)])
    (low,) = json.loads(operator.run("stock", "low", "--json").stdout)
    assert (low["sku"], low["available"], low["active"]) == ("TEAPOT", 2, True)


def test_with_json_an_empty_list_is_one_document_too(operator: Operator):
    assert json.loads(operator.run("overdue", "--json").stdout) == []


def test_with_json_a_refusal_is_one_document(operator: Operator):
    refused = operator.run("history", "HAT", "--json")
    error = {"type": "NoSuchItem", "message": "there is no stock item 'HAT'"}
    assert (refused.returncode, json.loads(refused.stdout)) == (1, {"error": error})


def test_with_json_wrong_usage_is_one_document(operator: Operator):
    wrong = operator.run("stock", "low", "--json", "--threshold", "few")
    assert (wrong.returncode, json.loads(wrong.stdout)["error"]["type"]) == (2, "UsageError")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("frobnicate",), "No such command 'frobnicate'. See 'python -m worker --help'"),
        (
            ("overdue", "--older-than", "soon"),
            "'soon' is not a duration; such as 900, 15m or 1h30m",
        ),
        (("stock", "low", "--threshold", "-1"), "'-1' is not 0 or more"),
        (("dev", "--ui-port", "65536"), "'65536' is not 0 to 65,535"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_read_on(
    operator: Operator, words: tuple[str, ...], problem: str
):
    result = operator.run(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert problem in result.stderr
    assert result.stderr.endswith(" --help'\n")
    assert result.stderr.count("\n") == 1


def test_an_item_is_found_however_its_letters_are_typed(operator: Operator, stock_file: Path):
    stock_file.write_text("sku,quantity\nTA\u0308SSE,3\n", "utf-8")
    operator.run("stock", "load", str(stock_file))
    composed, decomposed = (
        operator.run("stock", "show", sku, "--json").stdout for sku in ("T\u00c4SSE", "TA\u0308SSE")
    )
    assert json.loads(composed) == json.loads(decomposed)
    assert json.loads(composed)[0]["sku"] == "T\u00c4SSE"


@pytest.mark.parametrize(
    "words",
    [
        ("stock", "show", "MUG", "MUG\u200b01"),
        ("history", "MUG\u200b01"),
        ("history", "MUG", "--location", "ma\u200bi"),
        ("denied", "--sku", "MUG\u200b01"),
    ],
)
def test_what_nobody_sees_in_a_question_is_named(operator: Operator, words: tuple[str, ...]):
    result = operator.run(*words)
    assert result.returncode == 2
    assert "holds the invisible U+200B ZERO WIDTH SPACE as its character" in result.stderr


def test_a_stock_file_with_what_nobody_sees_names_the_line(operator: Operator, stock_file: Path):
    stock_file.write_text("sku,quantity\nMUG,1\nMU\u00adG,2\nM\u202eUG,3\n", "utf-8")
    result = operator.run("stock", "load", str(stock_file))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "line 3: sku: holds the invisible U+00AD SOFT HYPHEN as its character 3",
        "line 4: sku: holds the invisible U+202E RIGHT-TO-LEFT OVERRIDE as its character 2",
        "nothing was loaded",
    ]


def test_two_spellings_of_one_item_in_a_stock_file_are_one_item_twice(
    operator: Operator, stock_file: Path
):
    stock_file.write_text("sku,quantity\nT\u00c4SSE,1\nTA\u0308SSE,2\n", "utf-8")
    result = operator.run("stock", "load", str(stock_file))
    assert result.stderr.startswith("line 3: T\u00c4SSE at main stands on line 2 too\n")
