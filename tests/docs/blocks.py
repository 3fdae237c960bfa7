"""Who runs which block of code on the pages.

Every block is named here by its page and its first line, except those that a rule covers: blocks of
``make`` targets, and of programs that cannot run in a test. A block that nobody runs fails the
test; so does an entry without its block.
"""

from __future__ import annotations

from typing import Final

# By page and first line, the test that runs the block, or that reads it as its program would.
RUN_BY: Final[dict[tuple[str, str], str]] = {
    ("README.md", "import asyncio"): (
        "tests/docs/test_readme.py::test_the_checkout_of_the_readme_holds_and_sells"
    ),
    ("README.md", "from holdfast_client import SyncReservationClient"): (
        "tests/docs/test_readme.py::test_the_sync_code_of_the_readme_holds_and_gives_back"
    ),
    ("client/README.md", "python -m pip install ./client                 # the client"): (
        "tests/docs/test_readme.py::test_the_client_installs_as_its_page_says"
    ),
    **dict.fromkeys(
        (
            ("client/README.md", "import asyncio"),
            ("client/README.md", "from holdfast_client import SyncReservationClient"),
            ("client/README.md", "from holdfast_client import Committed, SyncReservationClient"),
            ("client/README.md", "holdfast reserve cart-904 BOWL-02=3"),
            ("client/README.md", "from holdfast_client import SyncAvailabilityReader"),
            ("client/README.md", "from holdfast_client import Expired, SyncFakeReservationClient"),
        ),
        "tests/docs/test_readme.py::test_the_code_of_the_clients_page_runs_after_that_of_the_readme",
    ),
    ("SECURITY.md", 'export HOLDFAST_ENCRYPTION_KEYS="2026-01:$(openssl rand -base64 32)"'): (
        "tests/docs/test_operating.py::test_the_key_of_the_security_page_is_one"
    ),
    **dict.fromkeys(
        (
            ("docs/contract.md", '{"checkout_id": "cart-42", "lines": '),
            ("docs/contract.md", '{"adjustment_id": "delivery-881", "sku": "MUG-01",'),
            ("docs/contract.md", '{"checkout_id": "cart-42", "operation": "confirm", '),
        ),
        "tests/docs/test_contract.py::test_the_examples_of_the_contract_are_valid_messages",
    ),
    **dict.fromkeys(
        (("docs/lifecycle.md", "stateDiagram-v2"), ("docs/lifecycle.md", "sequenceDiagram")),
        "tests/docs/test_blocks.py::test_the_drawings_of_the_lifecycle_use_its_words",
    ),
    ("docs/architecture.md", "flowchart LR"): (
        "tests/docs/test_architecture.py::test_the_picture_shows_what_the_table_explains"
    ),
    ("docs/monitoring.md", "promtool check config deploy/prometheus/prometheus.yml"): (
        "tests/docs/test_operating.py::test_the_rules_are_checked_as_the_monitoring_page_says"
    ),
    ("docs/monitoring.md", "export HOLDFAST_TRACING=on"): (
        "tests/docs/test_operating.py::test_a_worker_starts_with_the_tracing_of_the_monitoring_page"
    ),
    ("docs/monitoring.md", "from temporalio.client import Client"): (
        "tests/docs/test_operating.py::test_the_traced_shop_of_the_monitoring_page_answers"
    ),
    ("docs/monitoring.md", '{"checkout_id": "cart-42", "asked": "fulfilled",'): (
        "tests/monitoring/test_prometheus.py::"
        "test_the_line_that_the_page_shows_has_the_keys_of_a_real_one"
    ),
    **dict.fromkeys(
        (
            (
                "docs/operations.md",
                'psql "$OWNER_URL" -c "CREATE ROLE holdfast_worker LOGIN PASSWORD \'...\'"',
            ),
            ("docs/operations.md", "export HOLDFAST_DATABASE_URL=postgresql://"),
            (
                "docs/operations.md",
                "pg_dump --format=custom",
            ),
        ),
        "tests/docs/test_operating.py::test_the_operations_page_sets_up_works_and_moves_in_its_order",
    ),
    **dict.fromkeys(
        (
            ("docs/runbook.md", '{"seconds": 600, "reason": "asked on the phone", "actor": "sam"}'),
            ("docs/runbook.md", '{"reason": "ordered twice", "actor": "sam"}'),
            ("docs/runbook.md", '{"payment_reference": "pay_2001", "actor": "sam"}'),
            (
                "docs/runbook.md",
                '{"lines": [{"sku": "MUG-01", "quantity": 3}], "reason": "one more"',
            ),
            (
                "docs/runbook.md",
                '{"lines": [{"sku": "MUG-01", "quantity": 1}], "reason": "one less"',
            ),
            ("docs/runbook.md", '{"shipment_id": "parcel-7"'),
        ),
        "tests/docs/test_runbook.py::"
        "test_each_message_is_valid_for_the_update_that_is_named_before_it",
    ),
    **dict.fromkeys(
        (
            ("docs/warehouse.md", "python -m worker stock show MUG-01"),
            ("docs/warehouse.md", "holdfast adjust delivery-881 MUG-01 receive 12"),
            ("docs/warehouse.md", "holdfast adjust delivery-883 BOWL-03 receive 6 --new"),
            ("docs/warehouse.md", "holdfast adjust broken-17 MUG-01 adjust -1"),
            ("docs/warehouse.md", "holdfast adjust count-2031-03 MUG-01 count 20"),
            ("docs/warehouse.md", "holdfast adjust delivery-882 MUG-02 receive 10 --new"),
            ("docs/warehouse.md", "holdfast adjust count-882 MUG-02 count 10"),
            ("docs/warehouse.md", "sku,quantity"),
            ("docs/warehouse.md", "python -m worker stock load stock.csv --dry-run"),
            ("docs/warehouse.md", "python -m worker stock load stock.csv --as-of"),
            ("docs/warehouse.md", "python -m worker item set MUG-01 --inactive"),
        ),
        "tests/docs/test_operating.py::test_a_day_in_the_warehouse_goes_as_its_page_says",
    ),
    **dict.fromkeys(
        (
            ("docs/adopting.md", "[stock]"),
            ("docs/adopting.md", "python -m worker adopt check plan.toml"),
            ("docs/adopting.md", "python -m worker adopt leave plan.toml"),
        ),
        "tests/adoption/test_moving.py::test_the_commands_of_the_move_go_as_its_page_says",
    ),
    **dict.fromkeys(
        (
            ("docs/versioning.md", 'LEARNED: Final[frozenset[str]] = frozenset({"pause before'),
            ("docs/versioning.md", "@workflow.run"),
        ),
        "tests/docs/test_operating.py::test_the_code_of_the_versioning_page_is_what_it_tells_of",
    ),
    ("docs/versioning.md", "temporal workflow count --query"): (
        "tests/docs/test_operating.py::test_the_count_of_the_versioning_page_is_answered"
    ),
    **dict.fromkeys(
        (
            ("examples/django/README.md", 'python -m pip install ./client "django>=5.2,<6"'),
            ("examples/fastapi/README.md", "python -m pip install ./client fastapi uvicorn"),
        ),
        "tests/docs/test_operating.py::test_an_example_starts_as_its_page_says",
    ),
    ("examples/adopting/README.md", "export HOLDFAST_DATABASE_URL=postgresql://..."): (
        "tests/docs/test_adopting.py::test_the_commands_of_the_examples_are_those_of_their_page"
    ),
    ("examples/typescript/README.md", "npm ci --ignore-scripts"): (
        "tests/examples/test_typescript.py::test_a_checkout_service_in_typescript_gets_every_answer"
    ),
}

# Programs that cannot run in a test, and why. Their blocks are read instead: their files, services
# and options are there.
CANNOT_RUN: Final = {
    "docker": "needs Docker, which builds images from the package index for minutes",
    "kubectl": "needs a cluster",
}
