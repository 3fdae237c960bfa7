"""The servers of the whole suite: one real Postgres and one real Temporal, started once."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests import lanes, system_packages
from tests.directories import NewDirectory
from tests.inventory.databases import create_template
from worker.embedded import postgres_cluster
from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.temporal import EmbeddedTemporal

# Of a failure that is told before the summary, which has all of it.
REASON_LINES_MAX: Final = 6
REASON_LINE_LENGTH_MAX: Final = 300

# How long one example takes says how busy the machine is; what hangs meets pytest's own limit.
settings.register_profile("holdfast", deadline=None)
settings.load_profile("holdfast")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lanes.mark(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, object, object]:
    """Say at the end what was skipped for want of packages, and how to have them."""
    result = yield
    skipped = terminalreporter.stats.get("skipped", ())
    if line := system_packages.told(str(report.longrepr) for report in skipped):
        terminalreporter.write_line(line, yellow=True)
    return result


class FailuresAtOnce:
    """Tells a failure when it comes: a run ended from outside never gets to its summary."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            lines = report.longreprtext.rstrip().splitlines()
            reason = [line for line in lines if line.startswith("E ")] or lines
            told = "\n".join(line[:REASON_LINE_LENGTH_MAX] for line in reason[:REASON_LINES_MAX])
            self._reporter.ensure_newline()
            self._reporter.write_line(f"{report.when} of {report.nodeid} failed:\n{told}", red=True)


def pytest_sessionstart(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, pytest.TerminalReporter):
        session.config.pluginmanager.register(FailuresAtOnce(reporter))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that did not ask for servers may start none, nor may its fixtures."""
    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker(lanes.SERVERS):
            lanes.forbid_servers(patch)
        return (yield)


POSTGRES_ROOT_VARIABLE: Final = "HOLDFAST_TEST_POSTGRES_ROOT"


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """Where the suite's servers keep their files. Whoever asks for it is not in the fast lane.

    Not below pytest's own directory: each session of pytest takes that away from the account
    which Postgres runs under when the suite is run as root.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-tests-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def new_directory(server_directory: Path) -> NewDirectory:
    """Names a directory for servers, not made yet, which nobody of this run had before.

    A fixture of a package or a module may be set up several times by one process, because the
    files that share it come to it in turn with others. Its second set-up must not find the state of
    the first.
    """
    numbers = itertools.count(1)
    return lambda name: server_directory / f"{name}-{next(numbers)}"


@pytest.fixture
def data_dir(new_directory: NewDirectory) -> Path:
    """A directory of one test's own servers, not made yet."""
    return new_directory("data")


@pytest.fixture(scope="session", autouse=True)
def postgres_programs() -> Iterator[None]:
    """Where ``POSTGRES_ROOT`` names another Postgres, every test runs on that one.

    `make test-oldest` does so with the oldest version that is supported.
    """
    with pytest.MonkeyPatch.context() as patch:
        if root := os.environ.get(POSTGRES_ROOT_VARIABLE):
            patch.setattr(postgres_cluster, "_programs_root", lambda: Path(root))
        yield


@pytest.fixture(scope="session")
def postgres(new_directory: NewDirectory) -> Iterator[EmbeddedPostgres]:
    """A real Postgres server."""
    with EmbeddedPostgres(new_directory("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: EmbeddedPostgres) -> str:
    """The URL of a superuser on the suite's Postgres, to make databases with."""
    return postgres.url


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """The name of a migrated database to copy from."""
    return create_template(postgres_url)


@pytest.fixture(scope="session")
def temporal(new_directory: NewDirectory) -> Iterator[EmbeddedTemporal]:
    """A real Temporal server, which lets a workflow that asks for it skip its waits."""
    server = EmbeddedTemporal(new_directory("temporal"), ui_port=None, time_skipping=True)
    with server:
        yield server


@pytest.fixture(scope="session")
def temporal_address(temporal: EmbeddedTemporal) -> str:
    """Host and port of the suite's Temporal."""
    return temporal.address


_numbers = itertools.count(1)


@pytest.fixture
def unique() -> str:
    """A word that no other test of this run uses, for ids and SKUs."""
    return f"t{os.getpid()}-{next(_numbers)}"
