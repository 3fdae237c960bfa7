"""The one-shot jobs and the worker of the deployment, run as the Compose file runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import make_url
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from holdfast_client.contract.names import SEARCH_ATTRIBUTE_TYPES
from tests.directories import NewDirectory
from tests.docs.pages import ROOT
from tests.inventory.databases import fresh_database
from tests.limits import HANG_SECONDS
from worker.embedded.ports import choose_ports
from worker.embedded.temporal import EmbeddedTemporal

JOBS: Final = ROOT / "deploy/compose"
# Says what it was asked instead of doing it: the real tool is in an image of Temporal's only.
RECORDER: Final = '#!/bin/sh\necho "$@" >> "$RECORD"\n'


def _run(script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(JOBS / script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("script", sorted(JOBS.glob("*.sh")), ids=lambda script: script.name)
def test_every_script_is_one_that_a_plain_shell_reads(script: Path):
    subprocess.run(["/bin/sh", "-n", str(script)], check=True, timeout=HANG_SECONDS)
    assert script.read_text().startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in script.read_text()


def test_temporal_gets_both_schemas_and_each_is_made_before_it_is_brought_up_to_date(
    tmp_path: Path,
):
    tool, record = tmp_path / "temporal-sql-tool", tmp_path / "record"
    tool.write_text(RECORDER)
    tool.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ended = _run("temporal-schema.sh", {"PATH": path, "RECORD": str(record)})
    assert (ended.returncode, ended.stderr) == (0, "")
    schemas = "/etc/temporal/schema/postgresql/v12"
    assert record.read_text().splitlines() == [
        "--db temporal create",
        "--db temporal setup-schema -v 0.0",
        f"--db temporal update-schema -d {schemas}/temporal/versioned",
        "--db temporal_visibility create",
        "--db temporal_visibility setup-schema -v 0.0",
        f"--db temporal_visibility update-schema -d {schemas}/visibility/versioned",
    ]


async def test_the_namespace_is_made_with_what_checkouts_are_found_by_and_may_be_made_again(
    temporal_address: str,
):
    namespace = f"shop-{uuid.uuid4()}"
    client = await Client.connect(temporal_address, namespace=namespace)
    for days in (14, 30):
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "TEMPORAL_ADDRESS": temporal_address,
            "TEMPORAL_NAMESPACE": namespace,
            "RETENTION": f"{days * 24}h",
        }
        ended = _run("temporal-namespace.sh", environment)
        assert (ended.returncode, ended.stderr) == (0, "")
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace)
        )
        kept = described.config.workflow_execution_retention_ttl.ToTimedelta()
        assert kept == timedelta(days=days)
    found = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=namespace)
    )
    assert set(SEARCH_ATTRIBUTE_TYPES) <= set(found.custom_attributes)


@pytest.mark.parametrize(
    ("script", "missing"),
    [("temporal-namespace.sh", "TEMPORAL_NAMESPACE"), ("worker-role.sh", "WORKER_PASSWORD")],
)
def test_a_job_that_is_not_told_what_it_needs_says_so_and_does_nothing(script: str, missing: str):
    ended = _run(script, {"PATH": os.environ["PATH"]})
    assert ended.returncode != 0
    assert f"set {missing}" in ended.stderr


def test_a_worker_with_the_settings_of_the_deployment_works_and_ends_in_order(
    services: Any, postgres_url: str, new_directory: NewDirectory
):
    """Job, worker and health check by their own commands, in an environment that is else empty."""
    with (
        fresh_database(postgres_url) as owner_url,
        EmbeddedTemporal(new_directory("temporal"), ui_port=None) as temporal,
    ):
        role = f"worker_{uuid.uuid4().hex[:12]}"
        url = make_url(owner_url)
        worker_url = url.set(username=role, password="letters4digits")
        text = worker_url.render_as_string(hide_password=False)
        settings = {
            **services["worker-1"]["environment"],
            "HOLDFAST_DATABASE_URL": text,
            "HOLDFAST_METRICS_ADDRESS": f"127.0.0.1:{choose_ports([0])[0]}",
            "TEMPORAL_ADDRESS": temporal.address,
            "PATH": os.environ["PATH"],
        }
        _make_role(owner_url, role)
        owner = {
            **services["migrate"]["environment"],
            "HOLDFAST_DATABASE_URL": owner_url,
            "HOLDFAST_WORKER_ROLE": role,
        }
        try:
            assert "schema None -> " in _worker(services["migrate"]["command"], owner)
            _live(settings)
        finally:
            _drop_role(owner_url, role)


def _live(settings: Mapping[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "worker"],
        cwd=ROOT,
        env=settings,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert worker.stderr is not None
            assert any("worker ready" in line for line in worker.stderr)
            assert _worker(["health"], settings).startswith("healthy")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(HANG_SECONDS) == 0
        finally:
            worker.kill()


def _worker(words: list[str], environment: Mapping[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-m", "worker", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=True,
    ).stdout


def _make_role(url: str, role: str) -> None:
    _administer(url, f"CREATE ROLE {role} LOGIN PASSWORD 'letters4digits'")


def _drop_role(url: str, role: str) -> None:
    _administer(url, f"DROP OWNED BY {role}")
    _administer(url, f"DROP ROLE {role}")


def _administer(url: str, command: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as link:
        link.execute(command.encode())
