"""A database URL as people write it, of one server or of several."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from activities.inventory.database.urls import database_url
from worker.settings import SettingsInvalid, load_settings


def parameters(url: str) -> dict[str, object]:
    """Return what libpq is told."""
    return dict(PGDialect_psycopg().create_connect_args(database_url(url))[1])


def test_several_servers_are_named_as_libpq_has_them() -> None:
    url = "postgresql://u:p@h1:5433,h2:5434/db?target_session_attrs=read-write&sslmode=require"
    assert parameters(url) == {
        "host": "h1,h2",
        "port": "5433,5434",
        "user": "u",
        "password": "p",
        "dbname": "db",
        "target_session_attrs": "read-write",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    ("servers", "host", "port"),
    [
        ("h1,h2", "h1,h2", ","),
        ("h1:5433,h2", "h1,h2", "5433,"),
        ("[::1]:5433,[fe80::2]:5434", "::1,fe80::2", "5433,5434"),
        ("%2Frun%2Fa,%2Frun%2Fb", "/run/a,/run/b", ","),
    ],
)
def test_servers_are_named_with_and_without_ports(servers: str, host: str, port: str) -> None:
    found = parameters(f"postgres://u@{servers}/db")
    assert (found["host"], found["port"]) == (host, port)


def test_a_comma_in_a_password_names_no_second_server() -> None:
    found = parameters("postgresql://u:geheim,1@h1:5433/db")
    assert (found["host"], found["port"], found["password"]) == ("h1", 5433, "geheim,1")


@pytest.mark.parametrize(
    ("servers", "problem"),
    [
        ("h1:5433,", "each as host or host:port"),
        ("h1:zz,h2", "each as host or host:port"),
        ("h1:5433,h2:70000", "a port that is not 1 to 65,535"),
        ("h1,h2/db?host=h3", "names its servers twice"),
        ("h1:1,h2/db?port=5", "names its servers twice"),
    ],
)
def test_servers_that_cannot_be_are_refused_by_the_name_of_the_setting(
    servers: str, problem: str
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(database_url=f"postgresql://u:geheim@{servers}/db")
    assert str(refused.value).startswith("HOLDFAST_DATABASE_URL: ")
    assert problem in str(refused.value)
    assert "geheim" not in str(refused.value)
