"""A Postgres that speaks TLS only: who checks its certificate gets in, and nobody else."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from sqlalchemy import make_url

from activities.inventory.database.engine import open_engine
from activities.inventory.database.errors import LedgerUnavailable
from activities.inventory.database.migrate import latest_version, upgrade_database
from activities.inventory.ledger import Ledger
from tests.directories import NewDirectory
from tests.inventory.databases import fresh_database
from tests.security.certificates import Authority
from tests.security.tls_relay import server_context, tls_relay
from tests.system_packages import skip_without
from tests.worker.conftest import Operator
from worker.embedded import postgres_cluster
from worker.embedded.accounts import server_account
from worker.embedded.postgres import EmbeddedPostgres

TLS_ONLY: Final = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture(scope="module")
def authority(new_directory: NewDirectory) -> Authority:
    directory = new_directory("postgres-certificates")
    directory.mkdir()
    return Authority(directory, "authority")


@pytest.fixture(scope="module")
def stranger(authority: Authority, new_directory: NewDirectory) -> Authority:
    """An authority that did not sign the server's certificate."""
    directory = new_directory("stranger-certificates")
    directory.mkdir()
    return Authority(directory, "stranger")


@pytest.fixture(scope="module", params=["installed", "relayed"])
def tls_url(
    request: pytest.FixtureRequest,
    new_directory: NewDirectory,
    authority: Authority,
    postgres_url: str,
) -> Iterator[str]:
    """The URL of a Postgres that takes no connection without TLS.

    The embedded Postgres is built without TLS. So it is one that this machine has besides, if it
    has one, and always the embedded one behind a line that ends TLS for it.
    """
    serving = _installed if request.param == "installed" else _relayed
    with serving(new_directory, authority, postgres_url) as url:
        yield url


@contextmanager
def _installed(new_directory: NewDirectory, authority: Authority, _: str) -> Iterator[str]:
    programs = _programs_with_tls()
    if programs is None:
        skip_without("a Postgres that speaks TLS", "postgresql-15")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_cluster, "_programs_root", lambda: programs)
        directory = new_directory("tls-postgres")
        server = EmbeddedPostgres(directory)
        server.start()
        server.stop()
        _demand_tls(directory / "cluster", authority)
        with server:
            upgrade_database(server.url)
            yield server.url


@contextmanager
def _relayed(_: NewDirectory, authority: Authority, postgres_url: str) -> Iterator[str]:
    context = server_context(authority.sign("relay"))
    with fresh_database(postgres_url) as url:
        upgrade_database(url)
        port = make_url(url).port
        assert port is not None
        with tls_relay(port, context, asks_first=True) as tls_port:
            yield make_url(url).set(port=tls_port).render_as_string(hide_password=False)


def _programs_with_tls() -> Path | None:
    """Return where a Postgres with TLS is installed, if one is."""
    found = [Path(path) for path in (shutil.which("postgres"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    for program in found:
        root = program.resolve().parents[1]
        options = root / "bin" / "pg_config"
        asked = [options if options.exists() else "pg_config", "--configure"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        if re.search("with-(openssl|ssl)", told.stdout):
            return root
    return None


def _demand_tls(cluster: Path, authority: Authority) -> None:
    pair = authority.sign("server")
    account = server_account()
    for name, source in (("server.crt", pair.certificate), ("server.key", pair.key)):
        target = cluster / name
        target.touch(mode=0o600)
        target.write_bytes(source.read_bytes())
        if account is not None:
            account.own(target)
    with (cluster / "postgresql.conf").open("a") as settings:
        settings.write("\nssl = on\nssl_min_protocol_version = 'TLSv1.2'\n")
    (cluster / "pg_hba.conf").write_text(TLS_ONLY)


def _with(url: str, **query: str | Path) -> str:
    changed = make_url(url).update_query_dict({name: str(text) for name, text in query.items()})
    return changed.render_as_string(hide_password=False)


def _version(url: str) -> str:
    engine = open_engine(url, connections_max=1)
    try:
        return Ledger(engine).schema_version()
    finally:
        engine.dispose()


def _refusal(url: str) -> str:
    with pytest.raises(LedgerUnavailable) as refused:
        _version(url)
    return str(refused.value)


def test_a_certificate_that_is_checked_in_full_lets_the_ledger_in(
    tls_url: str, authority: Authority
):
    url = _with(tls_url, sslmode="verify-full", sslrootcert=authority.certificate)
    assert _version(url) == latest_version()
    with psycopg.connect(url) as connection:
        assert connection.pgconn.ssl_in_use


def test_a_certificate_of_a_strange_authority_is_refused(tls_url: str, stranger: Authority):
    url = _with(tls_url, sslmode="verify-full", sslrootcert=stranger.certificate)
    assert "certificate verify failed" in _refusal(url)


def test_a_connection_without_tls_is_refused_by_the_server(tls_url: str):
    assert "no encryption" in _refusal(_with(tls_url, sslmode="disable"))


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(postgres_url: str):
    assert "does not support SSL" in _refusal(_with(postgres_url, sslmode="require"))


def test_the_worker_takes_tls_from_its_one_url_and_no_error_tells_the_password(
    tls_url: str, authority: Authority, stranger: Authority, operator: Operator
):
    password = make_url(tls_url).password
    assert password
    good, bad = (
        operator.run(
            "health",
            HOLDFAST_DATABASE_URL=_with(
                tls_url, sslmode="verify-full", sslrootcert=signer.certificate
            ),
        )
        for signer in (authority, stranger)
    )
    plain = operator.run("audit", HOLDFAST_DATABASE_URL=_with(tls_url, sslmode="disable"))
    assert (good.returncode, bad.returncode, plain.returncode) == (0, 1, 3)
    assert "certificate verify failed" in bad.stderr
    assert "no encryption" in plain.stderr
    assert all(password not in each.stdout + each.stderr for each in (good, bad, plain))
