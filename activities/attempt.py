"""One attempt at a call of the ledger: how Temporal runs it, and what its log lines say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import activity

CallT = TypeVar("CallT", bound=Callable[..., Any])


def ledger_call(name: str) -> Callable[[CallT], CallT]:
    """Define an activity whose attempts always run to their own end.

    By default the SDK breaks an attempt off that has timed out, by an exception that it plants
    into the thread wherever that stands. Inside a database driver this can leave a connection with
    its transaction open and its locks held, lost to the pool. The waits for the database are
    bounded, so a late attempt ends by itself, and the ledger knows what to make of it.
    """
    return activity.defn(name=name, no_thread_cancel_exception=True)


def attempt_fields() -> dict[str, str | int | None]:
    """Return the workflow, run and attempt that the current activity runs for."""
    info = activity.info()
    return {
        "workflow_id": info.workflow_id,
        "run_id": info.workflow_run_id,
        "attempt": info.attempt,
    }
