"""What the tests of the deployment's files share."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.deploy.published import Published, fetch
from tests.docs.pages import ROOT


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The schemas that others publish."""
    return fetch(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def compose() -> Any:
    """The Compose file, read."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="session")
def services(compose: Any) -> Any:
    """The services of the Compose file by name."""
    return compose["services"]


@pytest.fixture(scope="session")
def kubernetes() -> Any:
    """The Kubernetes objects by kind."""
    files = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
    objects = [each for file in files for each in yaml.safe_load_all(file.read_text())]
    by_kind = {each["kind"]: each for each in objects}
    assert len(by_kind) == len(objects)
    return by_kind
