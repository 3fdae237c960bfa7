"""What every log line of an activity says about the attempt that wrote it."""

from __future__ import annotations

from temporalio import activity


def attempt_fields() -> dict[str, str | int | None]:
    """Return the workflow, run and attempt that the current activity runs for."""
    info = activity.info()
    return {
        "workflow_id": info.workflow_id,
        "run_id": info.workflow_run_id,
        "attempt": info.attempt,
    }
