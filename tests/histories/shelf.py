"""The committed histories: one JSON file for each path of each release, naming no machine."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from temporalio.client import WorkflowHandle, WorkflowHistory

SHELVES: Final = Path(__file__).parent

# What names a machine, a process or an account there. The replay looks at none of it.
_NAMING_KEYS: Final = {
    "identity": "recorded",
    "stackTrace": "",
    "binaryChecksum": "",
    "buildId": "",
    "workerInstanceKey": "",
}
_LOOPBACK: Final = re.compile(r"127\.0\.0\.1|localhost|::1")
_PORT: Final = re.compile(r"(port[ =:]+)\d+")


async def put(shelf: Path, path: str, handle: WorkflowHandle[Any, Any]) -> None:
    """Write the history of a workflow down, without anything that names the machine."""
    history = json.loads((await handle.fetch_history()).to_json())
    events = ",\n".join(json.dumps(_scrubbed(event), sort_keys=True) for event in history["events"])
    text = f'{{"workflowId": {json.dumps(handle.id)}, "events": [\n{events}\n]}}\n'
    (shelf / f"{path}.json").write_text(text)


def files() -> list[Path]:
    """Return every committed history, of every release."""
    return sorted(SHELVES.glob("*/*.json"))


def label(file: Path) -> str:
    """Return how a test calls a history: its release and its path."""
    return f"{file.parent.name}/{file.stem}"


def take(file: Path) -> WorkflowHistory:
    """Read a history as the replayer wants it."""
    history = json.loads(file.read_text())
    return WorkflowHistory.from_json(history.pop("workflowId"), history)


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a history, and what its payloads say."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "data" and isinstance(inner, str):
                yield base64.b64decode(inner).decode()
            else:
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
            value = value | {"name": "sticky"}
        return {key: _scrubbed_entry(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_scrubbed(inner) for inner in value]
    return _without_addresses(value) if isinstance(value, str) else value


def _scrubbed_entry(key: str, value: Any) -> Any:
    if key in _NAMING_KEYS:
        return _NAMING_KEYS[key]
    if key == "data" and isinstance(value, str):
        return base64.b64encode(_without_addresses(_decoded(value)).encode()).decode()
    return _scrubbed(value)


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def _without_addresses(text: str) -> str:
    return _PORT.sub(r"\g<1>5432", _LOOPBACK.sub("database", text))
