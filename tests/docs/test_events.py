"""The page tells a paid checkout event by event, as it is recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| `([A-Za-z]+)` \|", re.MULTILINE)


def _named(kind: str) -> str:
    """Return an event's type as the page spells it."""
    return "".join(word.title() for word in kind.removeprefix("EVENT_TYPE_").split("_"))


def test_the_events_of_a_paid_checkout_are_those_of_the_page() -> None:
    (history,) = Path(ROOT).glob("tests/histories/*/paid.json")
    events = [_named(event["eventType"]) for event in json.loads(history.read_text())["events"]]
    # Recorded of a start that left out what a checkout is found by.
    recorded = [event for event in events if event != "UpsertWorkflowSearchAttributes"]
    page = (Path(ROOT) / "docs/lifecycle.md").read_text()
    _, _, table = page.partition("A paid checkout event by event:")
    assert _ROW.findall(table.partition("\n## ")[0]) == recorded
