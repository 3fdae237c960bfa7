"""The fast lane has no servers in it, and a test that starts one there is red."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.directories import NewDirectory
from tests.lanes import ADOPTION_OF_EVERY_DAY, LONG_PLACES, SERVERS, starts_servers
from worker.embedded import EmbeddedPostgres, EmbeddedTemporal

REFUSED = pytest.RaisesExc(pytest.fail.Exception, match="the fast lane starts a server: ")


@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedTemporal])
def test_a_server_is_not_started_where_no_fixture_was_asked_for(server, tmp_path):
    with REFUSED, server(tmp_path / "server"):
        pass


def test_nor_is_one_from_a_process_of_the_tests_own():
    with REFUSED:
        subprocess.run([sys.executable, "-m", "worker", "dev", "--help"], check=True)


def test_what_asks_for_a_place_of_servers_has_the_marker(
    new_directory: NewDirectory, request: pytest.FixtureRequest
):
    assert request.node.get_closest_marker(SERVERS)


def test_what_asks_for_none_has_no_marker(request: pytest.FixtureRequest):
    assert not request.node.get_closest_marker(SERVERS)


@pytest.mark.parametrize("place", [*LONG_PLACES, *ADOPTION_OF_EVERY_DAY])
def test_what_is_named_for_a_lane_is_there(place: str, request: pytest.FixtureRequest):
    assert (request.config.rootpath / place).exists()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/opt/bin/postgres -D data", True),
        ("temporal server start-dev", True),
        ("/usr/bin/chromium --headless", True),
        ("python3.11 -m worker dev --data-dir x", True),
        ("python -u -m soak --minutes 2", True),
        ("python -m worker codec --port 0", False),
        ("python -m flit_core.wheel", False),
        ("git ls-files", False),
    ],
)
def test_servers_are_known_by_their_commands(command: str, *, expected: bool):
    assert starts_servers(command.split()) == expected
