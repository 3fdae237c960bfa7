"""Whoever misses a package of Debian's learns at the end what was not tested."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT
from tests.system_packages import skip_without, told


def skipped(what: str, package: str) -> str:
    with pytest.raises(pytest.skip.Exception) as seen:
        skip_without(what, package)
    return str(("a file", 1, f"Skipped: {seen.value}"))  # as pytest reports it


def test_one_line_counts_the_tests_by_the_package_they_miss():
    browser, pooler = skipped("Chromium", "chromium"), skipped("PgBouncer", "pgbouncer")
    assert told([browser, pooler, "no fork here", browser]) == (
        "skipped for want of packages: chromium (2), pgbouncer (1). "
        "To have them: make system-packages, as root"
    )


def test_where_all_is_installed_nothing_is_told():
    assert told(["this system has no fork"]) is None


def test_every_package_that_a_test_may_miss_is_one_that_make_installs():
    (listed,) = re.findall(
        r"^SYSTEM_PACKAGES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    source = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))
    missed = set(re.findall(r'    skip_without\([^,()]+, "([^"]+)"\)', source))
    assert missed == set(listed.split())
