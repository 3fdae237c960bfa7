"""The Compose file, as far as it can be proved where no container engine runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from tests.deploy.published import Published
from tests.docs.pages import ROOT, page
from tests.docs.test_packaging import _project
from worker.commands import app
from worker.settings import PREFIX, Settings

WORKERS: Final = ("worker-1", "worker-2")
ONLY_ONCE: Final = "service_completed_successfully"
# The services that run once and end well, in the order in which each waits for the one before.
JOBS: Final = {"worker-role", "migrate", "temporal-schema", "temporal-namespace"}
# What support has no business with, and what would be told of this shop to others.
HIDDEN: Final = {
    "TEMPORAL_WORKFLOW_TERMINATE_DISABLED",
    "TEMPORAL_WORKFLOW_RESET_DISABLED",
    "TEMPORAL_BATCH_ACTIONS_DISABLED",
    "TEMPORAL_START_WORKFLOW_DISABLED",
    "TEMPORAL_ACTIVITY_COMMANDS_DISABLED",
}
NEEDED: Final = ("SIGNAL", "UPDATE", "CANCEL")


def test_the_file_is_what_the_compose_specification_allows(published: Published, compose: Any):
    assert [error.message for error in published.compose().iter_errors(compose)] == []


def test_every_password_is_asked_for_and_none_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text()
    asked = re.findall(r"(?<!\$)\$\{(\w*PASSWORD)([^}]*)\}", text)
    assert {name for name, _ in asked} == {
        "HOLDFAST_DB_PASSWORD",
        "HOLDFAST_WORKER_DB_PASSWORD",
        "TEMPORAL_DB_PASSWORD",
        "GRAFANA_PASSWORD",
    }
    optional = {name for name, demand in asked if demand != f":?set {name}"}
    # Read without its profile too, so it is Grafana's own start that insists on one.
    assert optional == {"GRAFANA_PASSWORD"}
    assert ("GRAFANA_PASSWORD", ":-") in asked
    assert "$${GF_SECURITY_ADMIN_PASSWORD:?set GRAFANA_PASSWORD}" in text


def test_every_port_is_open_to_this_machine_alone(services: Any):
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_image_is_pinned(services: Any):
    images = {service["image"] for service in services.values()}
    dockerfile = (ROOT / "Dockerfile").read_text()
    images |= set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    assert [image for image in images if not re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)*$", image)] == []


def test_the_workers_are_of_this_version(services: Any):
    version = _project("client/pyproject.toml")["version"]
    images = {services[name]["image"] for name in (*WORKERS, "migrate")}
    assert images == {f"holdfast-worker:{version}"}


def test_every_file_that_is_mounted_is_in_the_repository(services: Any):
    volumes = [volume for service in services.values() for volume in service.get("volumes", ())]
    paths = {volume.split(":")[0] for volume in volumes if volume.startswith("./")}
    assert len(paths) >= len(JOBS) - 1
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_every_named_volume_is_declared_and_used(compose: Any, services: Any):
    volumes = [volume for service in services.values() for volume in service.get("volumes", ())]
    named = {volume.split(":")[0] for volume in volumes if not volume.startswith(".")}
    assert named == set(compose["volumes"])


def test_whoever_waits_for_a_server_waits_until_it_is_healthy_and_for_a_job_until_it_is_done(
    services: Any,
):
    for service in services.values():
        for other, wait in service.get("depends_on", {}).items():
            awaited = ONLY_ONCE if other in JOBS else "service_healthy"
            assert wait["condition"] == awaited
            assert other in JOBS or "test" in services[other]["healthcheck"]


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("worker-1", "migrate"),
        ("worker-1", "temporal-namespace"),
        ("migrate", "worker-role"),
        ("worker-role", "postgres"),
        ("temporal-namespace", "temporal"),
        ("temporal", "temporal-schema"),
        ("temporal-schema", "temporal-postgres"),
    ],
)
def test_nothing_starts_before_what_it_needs(services: Any, later: str, earlier: str):
    assert earlier in services[later]["depends_on"]


@pytest.mark.parametrize("name", [*WORKERS, "migrate"])
def test_every_setting_of_a_worker_is_one_that_it_reads(services: Any, name: str):
    settings = {key for key in services[name]["environment"] if key.startswith(PREFIX)}
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert settings <= known


def test_the_workers_use_a_role_of_their_own_and_only_the_migration_the_owners(services: Any):
    owner = "${HOLDFAST_DB_PASSWORD:?set HOLDFAST_DB_PASSWORD}"
    having = {
        name
        for name, service in services.items()
        if any(owner in str(value) for value in service.get("environment", {}).values())
    }
    assert having == {"postgres", "worker-role", "migrate"}
    urls = {services[name]["environment"]["HOLDFAST_DATABASE_URL"] for name in WORKERS}
    assert all(url.startswith("postgresql://holdfast_worker:") for url in urls)


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_more_time_to_end_than_the_grace_it_gives_its_calls(services: Any, name: str):
    grace_seconds = int(services[name]["environment"]["HOLDFAST_SHUTDOWN_GRACE_SECONDS"])
    stop_seconds = int(services[name]["stop_grace_period"].removesuffix("s"))
    assert stop_seconds >= 2 * grace_seconds


def test_the_health_of_a_worker_is_asked_by_a_command_that_exists(services: Any):
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name in WORKERS:
        kind, *command = services[name]["healthcheck"]["test"]
        assert (kind, command) == ("CMD", ["python", "-m", "worker", "health"])
    assert 'CMD ["python", "-m", "worker", "health"]' in dockerfile
    assert 'ENTRYPOINT ["python", "-m", "worker"]' in dockerfile
    for words in (["health"], services["migrate"]["command"]):
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize("name", [*WORKERS, *sorted(JOBS)])
def test_what_is_ours_runs_without_privileges(services: Any, name: str):
    assert services[name]["security_opt"] == ["no-new-privileges:true"]
    assert services[name]["cap_drop"] == ["ALL"]
    assert services[name].get("read_only", False) == (name in (*WORKERS, "migrate"))


def test_support_is_not_offered_what_takes_a_checkout_from_under_its_hold(services: Any):
    environment = services["temporal-ui"]["environment"]
    assert {name for name in HIDDEN if environment.get(name) == "true"} == HIDDEN
    assert not [name for name in environment for needed in NEEDED if f"_{needed}_DIS" in name]


def test_prometheus_and_grafana_start_only_when_asked_for(services: Any):
    profiles = {name: service.get("profiles") for name, service in services.items()}
    asked_for = {name for name, profile in profiles.items() if profile == ["monitoring"]}
    assert asked_for == {"prometheus", "grafana"}
    assert {name for name, profile in profiles.items() if profile} == asked_for


def test_prometheus_finds_every_worker_by_one_name(services: Any):
    for name in WORKERS:
        assert services[name]["networks"]["default"]["aliases"] == ["worker"]
        assert services[name]["environment"]["HOLDFAST_METRICS_ADDRESS"] == "0.0.0.0:9464"


def test_the_operations_page_tells_of_every_service_what_it_waits_for_and_of_every_port(
    services: Any,
):
    operations = page("docs/operations.md")
    told = {}
    for names, *cells in operations.rows(r"(`[a-z0-9-]+`(, )?)+"):
        for name in re.findall("[a-z0-9-]+", names):
            told[name] = set(re.findall("`([a-z-]+)`", cells[1] if cells[1:] else ""))
    awaited = {name: set(service.get("depends_on", ())) for name, service in services.items()}
    unmonitored = {n: s for n, s in awaited.items() if "profiles" not in services[n]}
    assert {name: told[name] for name in unmonitored} == unmonitored
    assert {"prometheus", "grafana"} <= told.keys()
    ports = {port for service in services.values() for port in service.get("ports", ())}
    for port in ports:
        assert f"`{port.rsplit(':', 1)[0]}`" in operations.text


def test_what_the_image_is_made_of_is_there_and_reaches_the_builder():
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", dockerfile, re.MULTILINE)
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [path for path in copied if f"!{path}" not in let_through] == []


def test_no_script_is_mounted_that_its_job_does_not_run(services: Any):
    for name in JOBS - {"migrate"}:
        (volume,) = services[name]["volumes"]
        script, target, mode = volume.split(":")
        assert services[name]["entrypoint"] == ["/bin/sh", target]
        assert mode == "ro"
        assert Path(script).name == f"{name}.sh"
