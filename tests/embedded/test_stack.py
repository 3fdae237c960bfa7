"""Both servers together: all or none, one stack a directory, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import psycopg
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.embedded.processes import has_ended, is_running, kill_from_outside, stack_program
from worker.embedded import DataDirectoryInUse, EmbeddedStack, PortInUse


async def _write(stack: EmbeddedStack) -> None:
    with psycopg.connect(stack.postgres.url) as connection:
        connection.execute("CREATE TABLE kept (sku text)")
        connection.execute("INSERT INTO kept VALUES ('MUG-01')")
    client = await Client.connect(stack.temporal.address)
    await client.start_workflow("NobodyWorksOnIt", id="kept", task_queue="nobody")


async def _assert_kept(stack: EmbeddedStack) -> None:
    with psycopg.connect(stack.postgres.url) as connection:
        assert connection.execute("SELECT sku FROM kept").fetchall() == [("MUG-01",)]
    client = await Client.connect(stack.temporal.address)
    found = await client.get_workflow_handle("kept").describe()
    assert found.status == WorkflowExecutionStatus.RUNNING


@pytest.mark.parametrize("ending", ["stop", "kill"])
async def test_rows_and_workflows_outlive_the_stack(data_dir: Path, ending: str):
    stack = EmbeddedStack(data_dir)
    stack.start()
    try:
        await _write(stack)
        getattr(stack, ending)()
        stack.start()
        await _assert_kept(stack)
    finally:
        stack.stop()


async def test_a_start_brings_back_the_one_server_that_died(data_dir: Path):
    with EmbeddedStack(data_dir) as stack:
        await _write(stack)
        postgres_pid = stack.postgres.pid
        kill_from_outside(stack.temporal)

        stack.start()

        assert stack.postgres.pid == postgres_pid
        await _assert_kept(stack)


async def test_it_starts_and_stops_beside_a_running_event_loop(data_dir: Path):
    stack = EmbeddedStack(data_dir)
    await asyncio.to_thread(stack.start)
    try:
        await _write(stack)
        await _assert_kept(stack)
    finally:
        await asyncio.to_thread(stack.stop)


def test_it_says_what_it_does(data_dir: Path):
    said: list[str] = []
    with EmbeddedStack(data_dir, announce=said.append):
        pass

    assert "making a new Postgres database" in said
    assert any(line.startswith("Postgres is up on 127.0.0.1:") for line in said)
    assert any(line.startswith("Temporal is up on 127.0.0.1:") for line in said)


def test_a_second_stack_on_the_same_directory_is_refused_and_harms_nothing(data_dir: Path):
    with stack_program(data_dir) as other:
        with pytest.raises(DataDirectoryInUse) as refused:
            EmbeddedStack(data_dir).start()

        assert str(refused.value) == (
            f"The data directory {data_dir} is in use by process {other.process.pid}. "
            "Stop that one first, or choose another data directory."
        )
        assert is_running(other.postgres_pid)
        assert is_running(other.temporal_pid)


def test_two_stacks_run_side_by_side_in_two_directories(data_dir: Path):
    with EmbeddedStack(data_dir / "one") as one, EmbeddedStack(data_dir / "two") as two:
        assert one.temporal.address != two.temporal.address
        assert one.postgres.url != two.postgres.url


def test_when_one_server_cannot_start_the_other_is_not_left_running(data_dir: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        stack = EmbeddedStack(data_dir, temporal_port=other.getsockname()[1])
        with pytest.raises(PortInUse):
            stack.start()

    assert stack.postgres.pid is None
    assert stack.temporal.pid is None
    stack.start()
    stack.stop()


def test_no_server_outlives_a_program_that_was_killed(data_dir: Path):
    with stack_program(data_dir) as program:
        program.die()

        assert has_ended(program.postgres_pid)
        assert has_ended(program.temporal_pid)


async def test_servers_that_nobody_stopped_are_stopped_by_the_next_start(data_dir: Path):
    with EmbeddedStack(data_dir) as stack:
        await _write(stack)
    said: list[str] = []
    with stack_program(data_dir) as program:
        program.die_with_guards()
        assert is_running(program.postgres_pid)
        assert is_running(program.temporal_pid)

        with EmbeddedStack(data_dir, announce=said.append) as stack:
            await _assert_kept(stack)
            assert not is_running(program.postgres_pid)
            assert not is_running(program.temporal_pid)

    assert sum("an earlier run left behind" in line for line in said) == 2


def test_a_recorded_process_id_that_now_belongs_to_another_program_is_left_alone(data_dir: Path):
    with EmbeddedStack(data_dir):
        pass
    bystander = os.getpid()
    (data_dir / "temporal" / "server.pid").write_text(f"{bystander}\n")
    said: list[str] = []
    with EmbeddedStack(data_dir, announce=said.append):
        pass

    assert not any("left behind" in line for line in said)


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(data_dir: Path):
    with EmbeddedStack(data_dir) as stack:
        for pid in (stack.postgres.pid, stack.temporal.pid):
            assert pid is not None
            assert os.getpgid(pid) != os.getpgrp()
