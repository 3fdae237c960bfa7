"""The embedded Postgres: it keeps what it was given, and lets nobody else in."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.embedded.processes import comes_true, kill_from_outside
from worker.embedded import (
    DataDirectoryInUse,
    EmbeddedPostgres,
    EmbeddedServerError,
    PortInUse,
    ServerDidNotStart,
)
from worker.embedded import postgres as postgres_module


@pytest.fixture
def postgres(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(data_dir) as server:
        yield server


def _one(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def _write_a_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (sku text)")
        connection.execute("INSERT INTO kept VALUES ('MUG-01')")


ENDINGS: dict[str, Callable[[EmbeddedPostgres], None]] = {
    "stopped": lambda postgres: postgres.stop(),
    "stopped at once": lambda postgres: postgres.stop("immediate"),
    "killed": lambda postgres: postgres.kill(),
    "killed from outside": kill_from_outside,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_row_is_still_there_however_the_server_ended(postgres: EmbeddedPostgres, ending: str):
    _write_a_row(postgres.url)
    ENDINGS[ending](postgres)
    assert postgres.pid is None

    postgres.start()

    assert _one(postgres.url, "SELECT sku FROM kept") == "MUG-01"


def test_a_row_is_still_there_after_a_kill_in_the_middle_of_someones_work(
    postgres: EmbeddedPostgres,
):
    _write_a_row(postgres.url)
    with psycopg.connect(postgres.url) as busy:
        busy.execute("INSERT INTO kept VALUES ('never committed')")
        postgres.kill()
        postgres.start()
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")

    assert _one(postgres.url, "SELECT string_agg(sku, ',') FROM kept") == "MUG-01"


def test_a_process_of_a_killed_server_that_is_slow_to_end_only_delays_the_next_start(
    postgres: EmbeddedPostgres, data_dir: Path
):
    with psycopg.connect(postgres.url) as slow, ThreadPoolExecutor(max_workers=1) as pool:
        backend_pid = slow.info.backend_pid
        os.kill(backend_pid, signal.SIGSTOP)
        try:
            postgres.kill()
            start = pool.submit(postgres.start)
            refusal = "pre-existing shared memory block"
            assert comes_true(lambda: refusal in _logs(data_dir))
        finally:
            os.kill(backend_pid, signal.SIGCONT)
        start.result()

    assert _one(postgres.url, "SELECT 1") == 1


def _logs(directory: Path) -> str:
    return "".join(path.read_text() for path in directory.glob("server*.log"))


def test_the_address_stays_the_same_over_a_restart(postgres: EmbeddedPostgres):
    before = postgres.url
    postgres.stop()
    postgres.start()

    assert postgres.url == before
    assert before.startswith("postgresql://holdfast:")
    assert before.endswith("/holdfast")


def test_another_object_opens_the_same_data_with_the_same_password(data_dir: Path):
    with EmbeddedPostgres(data_dir) as first:
        _write_a_row(first.url)
    with EmbeddedPostgres(data_dir) as second:
        assert _one(second.url, "SELECT sku FROM kept") == "MUG-01"


def test_starting_and_stopping_twice_does_nothing(postgres: EmbeddedPostgres):
    pid = postgres.pid
    postgres.start()
    assert postgres.pid == pid

    postgres.stop()
    postgres.stop()
    assert postgres.pid is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("max_connections", "200"),
    ],
)
def test_a_setting_that_matters_is_as_promised(
    shared_postgres: EmbeddedPostgres, setting: str, value: str
):
    assert _one(shared_postgres.url, f"SHOW {setting}") == value


def test_text_sorts_by_its_bytes_on_every_machine(shared_postgres: EmbeddedPostgres):
    statement = (
        "SELECT datcollate || datlocprovider::text FROM pg_database WHERE datname='holdfast'"
    )
    assert _one(shared_postgres.url, statement) == "Cc"


@pytest.mark.parametrize("password", ["", "guessed"])
def test_nobody_gets_in_without_the_password(shared_postgres: EmbeddedPostgres, password: str):
    right = shared_postgres.url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(shared_postgres.url.replace(right, password))


def test_only_the_servers_account_can_read_the_password(postgres: EmbeddedPostgres, data_dir: Path):
    found = (data_dir / "password").stat()

    assert found.st_mode & 0o777 == 0o600
    assert found.st_uid == (data_dir / "cluster").stat().st_uid


def test_a_second_server_on_the_same_directory_is_refused_and_harms_nothing(
    postgres: EmbeddedPostgres, data_dir: Path
):
    with pytest.raises(DataDirectoryInUse, match=f"in use by process {os.getpid()}"):
        EmbeddedPostgres(data_dir).start()

    assert _one(postgres.url, "SELECT 1") == 1


def test_a_fixed_port_is_taken_as_given(data_dir: Path, free_port: int):
    with EmbeddedPostgres(data_dir, port=free_port) as postgres:
        assert f"@127.0.0.1:{free_port}/" in postgres.url


def test_a_fixed_port_that_is_taken_is_refused_by_its_number(data_dir: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} .* is in use"):
            EmbeddedPostgres(data_dir, port=port).start()


def test_another_port_is_taken_when_somebody_grabs_the_chosen_one(
    data_dir: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as grabber:
        chosen = iter([[grabber.getsockname()[1]], [free_port]])
        monkeypatch.setattr(postgres_module, "choose_ports", lambda _: next(chosen))
        with EmbeddedPostgres(data_dir) as postgres:
            assert _one(postgres.url, "SHOW port") == str(free_port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_number_that_is_no_port_is_refused_at_once(data_dir: Path, port: int):
    with pytest.raises(ValueError, match="is no port"):
        EmbeddedPostgres(data_dir, port=port)


def test_the_address_is_not_known_before_the_first_start(data_dir: Path):
    with pytest.raises(EmbeddedServerError, match="not started yet"):
        _ = EmbeddedPostgres(data_dir).url


def test_a_process_id_that_now_belongs_to_another_program_does_not_block_a_start(
    postgres: EmbeddedPostgres, data_dir: Path
):
    postgres.kill()
    lock_file = data_dir / "cluster" / "postmaster.pid"
    _, *rest = lock_file.read_text().splitlines()
    bystander = os.getppid()
    lock_file.write_text("\n".join([str(bystander), *rest, ""]))

    postgres.start()

    assert _one(postgres.url, "SELECT 1") == 1
    assert os.getppid() == bystander


def test_what_an_interrupted_first_start_left_is_made_anew(data_dir: Path):
    unfinished = data_dir / "cluster.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("a file")
    (data_dir / "password").write_text("")

    with EmbeddedPostgres(data_dir) as postgres:
        assert _one(postgres.url, "SELECT 1") == 1


def test_a_server_that_cannot_start_shows_its_log_and_keeps_no_lock(
    postgres: EmbeddedPostgres, data_dir: Path
):
    postgres.stop()
    version = data_dir / "cluster" / "PG_VERSION"
    right = version.read_text()
    version.write_text("9.6\n")

    with pytest.raises(ServerDidNotStart, match="not compatible with this version"):
        postgres.start()

    version.write_text(right)
    postgres.start()
    assert _one(postgres.url, "SELECT 1") == 1


def test_a_lost_password_is_named_as_what_is_missing(postgres: EmbeddedPostgres, data_dir: Path):
    postgres.stop()
    (data_dir / "password").unlink()

    with pytest.raises(EmbeddedServerError, match="password is missing"):
        postgres.start()
    assert postgres.pid is None
