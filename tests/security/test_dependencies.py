"""What can be known of the dependencies without a network: nothing comes in that was not pinned.

This is no audit. Whether a pinned version has a known weakness is what `make audit` asks.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from typing import Final

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests.docs.pages import ROOT

FILES: Final = ("requirements/base.txt", "requirements/worker.txt", "requirements/dev.txt")
PINNED: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[a-z0-9.!+]+)(?: ; (?P<marker>[^\\]+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)"
)
# Not pinned: what a virtual environment brings along, and the client, which is installed from here.
BROUGHT_ALONG: Final = {"pip", "setuptools", "holdfast-client"}


def requirements(file: str) -> list[str]:
    return re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_one_version_by_its_hashes_and_nothing_else(file: str):
    found = requirements(file)
    assert found
    assert [each for each in found if not PINNED.fullmatch(each)] == []


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="outside a virtual environment")
def test_whatever_is_installed_here_is_pinned_in_that_version():
    pins = {
        (pin["name"], pin["version"])
        for pin in map(PINNED.fullmatch, requirements("requirements/dev.txt"))
        if pin and (not pin["marker"] or Marker(pin["marker"]).evaluate())
    }
    installed = {(canonicalize_name(each.name), each.version) for each in distributions()}
    stray = {(name, version) for name, version in installed - pins if name not in BROUGHT_ALONG}
    assert stray == set(), "not pinned: make clean, then make setup"
