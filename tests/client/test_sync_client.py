"""The client without ``await``: threads, forks, Ctrl-C and the interpreter's exit."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast_client import (
    HoldfastError,
    InvalidRequest,
    OutcomeUnknown,
    ServerUnreachable,
    SyncReservationClient,
)
from tests.limits import HANG_SECONDS
from worker.embedded import EmbeddedTemporal

# Without the moment to settle, about two in five of them abort or hang.
LEAVING_RUNS = 8


@pytest.fixture
def sync_client(temporal_address: str) -> Iterator[SyncReservationClient]:
    with SyncReservationClient(temporal_address, answer_timeout_seconds=60.0) as client:
        yield client


def thread_count() -> int:
    return sum(thread.name == "holdfast-client" for thread in threading.enumerate())


def ran(
    script: str, address: str, *, interpreter: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a script that has ``ADDRESS``, in an interpreter of its own."""
    code = f"ADDRESS = {address!r}\n{textwrap.dedent(script)}"
    with subprocess.Popen(
        [sys.executable, *interpreter, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,  # a script that hangs is ended with whatever it forked
    ) as script_process:
        try:
            stdout, stderr = script_process.communicate(timeout=HANG_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(script_process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess([], script_process.returncode, stdout, stderr)


def test_it_connects_on_first_use_and_not_before() -> None:
    client = SyncReservationClient("127.0.0.1:1", answer_timeout_seconds=1.0)
    with client, pytest.raises(ServerUnreachable):
        client.list()


def test_many_threads_share_one_connection(sync_client: SyncReservationClient) -> None:
    before = thread_count()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: sync_client.list(limit=1), range(48)))
    assert len(answers) == 48
    assert thread_count() == before + 1


def test_every_method_refuses_a_wrong_argument_as_the_async_one_does(
    sync_client: SyncReservationClient,
) -> None:
    for ask in (
        lambda: sync_client.reserve("", [("MUG", 1)]),
        lambda: sync_client.confirm("", "pay_1"),
        lambda: sync_client.extend("", 60),
        lambda: sync_client.cancel(""),
        lambda: sync_client.status(""),
        lambda: sync_client.adjust_stock("", "MUG", "receive", 1),
        lambda: sync_client.list(limit=0),
    ):
        with pytest.raises(InvalidRequest):
            ask()


def test_a_closed_client_says_that_it_is_closed(temporal_address: str) -> None:
    client = SyncReservationClient(temporal_address)
    client.list()
    client.close()
    client.close()
    with pytest.raises(HoldfastError, match="closed"):
        client.list()
    assert thread_count() == 0


def test_closing_wakes_whoever_waits(temporal_address: str, checkout_id: str) -> None:
    client = SyncReservationClient(temporal_address, answer_timeout_seconds=HANG_SECONDS)
    client.list()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.reserve, checkout_id, [("MUG", 1)])
        assert not waiting.done()
        client.close()
        with pytest.raises((OutcomeUnknown, HoldfastError), match="closed"):
            waiting.result(HANG_SECONDS)


def test_a_forgotten_client_ends_its_thread(temporal_address: str) -> None:
    client = SyncReservationClient(temporal_address)
    client.list()
    del client
    gc.collect()
    assert thread_count() == 0


def test_the_interpreter_ends_cleanly_with_a_client_that_nobody_closed(
    temporal_address: str,
) -> None:
    done = ran(
        """
        from holdfast_client import SyncReservationClient
        client = SyncReservationClient(ADDRESS)
        print(len(client.list(limit=1)) <= 1)
        """,
        temporal_address,
        interpreter=("-X", "dev", "-W", "error"),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_the_interpreter_ends_cleanly_while_a_thread_still_waits(
    temporal_address: str, checkout_id: str
) -> None:
    done = ran(
        f"""
        import threading
        from holdfast_client import SyncReservationClient, OutcomeUnknown
        client = SyncReservationClient(ADDRESS, answer_timeout_seconds=600)
        client.list()
        def wait():
            try:
                client.reserve({checkout_id!r}, [("MUG", 1)])
            except OutcomeUnknown:
                pass
        threading.Thread(target=wait, daemon=True).start()
        """,
        temporal_address,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("answers_with", ["nobody listens", "silence"])
def test_a_process_that_leaves_right_after_a_failed_call_leaves_cleanly(answers_with: str) -> None:
    script = """
        import asyncio
        from holdfast_client import ReservationClient, ServerUnreachable

        async def main():
            try:
                await ReservationClient.connect(ADDRESS, answer_timeout_seconds=0.05)
            except ServerUnreachable:
                pass

        asyncio.run(main())
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        if answers_with == "nobody listens":
            listener.close()
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda _: ran(script, address), range(LEAVING_RUNS)))
    assert [(run.returncode, run.stderr) for run in done] == [(0, "")] * LEAVING_RUNS


FORK = """
    import os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is the point
    from holdfast_client import SyncReservationClient
    client = SyncReservationClient(ADDRESS, answer_timeout_seconds=60)
    client.list()
    pid = os.fork()
    if pid == 0:
        client.list()
        print("child", flush=True)
        {leave}
    _, status = os.waitpid(pid, 0)
    client.list()
    print("parent", os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("leave", ["sys.exit(0)", "os._exit(0)", "client.close(); sys.exit(0)"])
def test_a_forked_process_connects_anew_and_leaves_its_parents_connection_alone(
    temporal_address: str, leave: str
) -> None:
    done = ran(FORK.format(leave=leave), temporal_address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "child\nparent 0\n", "")


ASYNC_FORK = """
    import asyncio, os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is the point
    from temporalio.client import Client
    from holdfast_client import ReservationClient, UsedAfterFork

    async def connected():
        temporal = await Client.connect(ADDRESS)
        return temporal, await ReservationClient.connect(ADDRESS, answer_timeout_seconds=60)

    async def told(client):
        try:
            await client.list(limit=1)
        except UsedAfterFork as error:
            assert "Make the client after the fork" in str(error)
            assert "nothing was sent" in str(error)
            return "told"

    async def in_child():
        mine = await ReservationClient.connect(ADDRESS, answer_timeout_seconds=60)
        of_its_own = await told(ReservationClient(temporal))
        print(await told(client), of_its_own, await mine.list(limit=1) is not None, flush=True)

    temporal, client = asyncio.run(connected())
    asyncio.run(client.list(limit=1))
    pid = os.fork()
    if pid == 0:
        asyncio.run(in_child())
        os._exit(0)
    print("parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    asyncio.run(client.list(limit=1))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_an_async_client_of_before_a_fork_says_what_to_do_instead(temporal_address: str) -> None:
    done = ran(ASYNC_FORK, temporal_address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "told told True\nparent 0\n", "")


def test_ctrl_c_interrupts_a_call_that_waits(temporal_address: str, checkout_id: str) -> None:
    done = ran(
        f"""
        import os, signal, threading
        from holdfast_client import SyncReservationClient
        # Whoever runs the tests in the background has this process ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        client = SyncReservationClient(ADDRESS, answer_timeout_seconds=600)
        client.list()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            client.reserve({checkout_id!r}, [("MUG", 1)])
        except KeyboardInterrupt:
            print("interrupted", len(client.list(customer_id="nobody")))
        """,
        temporal_address,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted 0\n", "")


def test_the_retries_of_the_sdk_leave_standard_output_alone(data_dir: Path) -> None:
    with EmbeddedTemporal(data_dir) as server:
        done = ran(
            f"""
            import os, signal, time
            from holdfast_client import ServerUnreachable, SyncReservationClient
            client = SyncReservationClient(ADDRESS, answer_timeout_seconds=5)
            client.list()
            os.kill({server.pid}, signal.SIGKILL)
            try:
                client.list()
            except ServerUnreachable:
                print("unreachable")
            """,
            server.address,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "unreachable\n", "")
