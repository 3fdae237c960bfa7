"""The Kubernetes objects, as far as they can be proved where no cluster runs."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from tests.deploy.published import Published
from tests.docs.pages import ROOT
from tests.docs.test_packaging import _project
from worker.settings import PREFIX, Settings

# The oldest and the newest whose schemas are published with the pinned package.
VERSIONS: Final = ("1.25", "1.37")
KINDS: Final = ("Job", "Deployment", "PodDisruptionBudget")
PODS: Final = ("Job", "Deployment")


def _pod(kubernetes: Any, kind: str) -> Any:
    return kubernetes[kind]["spec"]["template"]["spec"]


def _container(kubernetes: Any, kind: str) -> Any:
    (container,) = _pod(kubernetes, kind)["containers"]
    return container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_what_kubernetes_allows(
    published: Published, kubernetes: Any, kind: str, version: str
):
    found = kubernetes[kind]
    validator = published.kubernetes(version, kind, found["apiVersion"])
    assert [error.message for error in validator.iter_errors(found)] == []


def test_every_kind_is_looked_at(kubernetes: Any):
    assert set(kubernetes) == set(KINDS)


@pytest.mark.parametrize("kind", PODS)
def test_a_pod_runs_this_version_as_the_user_of_the_image_and_without_privileges(
    kubernetes: Any, kind: str
):
    version = _project("client/pyproject.toml")["version"]
    container, pod = _container(kubernetes, kind), _pod(kubernetes, kind)
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", _dockerfile(), re.MULTILINE)[0]
    assert container["image"] == f"holdfast-worker:{version}"
    assert kubernetes[kind]["metadata"]["labels"]["app.kubernetes.io/version"] == version
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["securityContext"]["runAsGroup"] == int(group)
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert pod["automountServiceAccountToken"] is False
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("kind", PODS)
def test_no_secret_is_written_down(kubernetes: Any, kind: str):
    secret = ("URL", "KEY", "KEYS", "PASSWORD")
    for entry in _container(kubernetes, kind)["env"]:
        if entry["name"].endswith(secret):
            assert entry["valueFrom"]["secretKeyRef"], entry["name"]


def test_the_workers_and_the_owner_have_a_secret_each(kubernetes: Any):
    def of(kind: str) -> str:
        url, *_ = (e for e in _container(kubernetes, kind)["env"] if e["name"].endswith("_URL"))
        return str(url["valueFrom"]["secretKeyRef"]["name"])

    assert (of("Job"), of("Deployment")) == ("holdfast-owner", "holdfast-worker")


@pytest.mark.parametrize("kind", PODS)
def test_every_setting_is_one_that_a_worker_reads(kubernetes: Any, kind: str):
    names = {entry["name"] for entry in _container(kubernetes, kind)["env"]}
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert {name for name in names if name.startswith(PREFIX)} <= known


def test_a_worker_has_more_time_to_end_than_the_grace_it_gives_its_calls(kubernetes: Any):
    settings = {e["name"]: e.get("value") for e in _container(kubernetes, "Deployment")["env"]}
    grace_seconds = int(settings["HOLDFAST_SHUTDOWN_GRACE_SECONDS"])
    stop_seconds = _pod(kubernetes, "Deployment")["terminationGracePeriodSeconds"]
    assert stop_seconds >= 2 * grace_seconds


def test_a_worker_is_asked_whether_it_could_work_and_not_ended_for_waiting(kubernetes: Any):
    container = _container(kubernetes, "Deployment")
    assert container["readinessProbe"]["exec"]["command"] == ["python", "-m", "worker", "health"]
    assert "livenessProbe" not in container


def test_there_is_a_worker_at_every_moment_of_a_rollout_and_of_a_drain(kubernetes: Any):
    deployment, budget = kubernetes["Deployment"]["spec"], kubernetes["PodDisruptionBudget"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert 0 < budget["minAvailable"] < deployment["replicas"]
    assert budget["selector"] == deployment["selector"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"].items() <= labels.items()


def test_the_migration_is_run_by_its_own_command_under_a_name_of_its_version(kubernetes: Any):
    version = _project("client/pyproject.toml")["version"].replace(".", "-")
    assert _container(kubernetes, "Job")["args"] == ["migrate"]
    assert kubernetes["Job"]["metadata"]["name"] == f"holdfast-migrate-{version}"
    assert (
        f"job/holdfast-migrate-{version}" in (ROOT / "deploy/kubernetes/migrate.yaml").read_text()
    )


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()
