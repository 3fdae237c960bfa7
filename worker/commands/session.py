"""What a command begins with: the settings, and where it needs one the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from activities.inventory.ledger import Ledger
from holdfast_client.terminal.ending import raise_on_interrupt
from holdfast_client.terminal.screen import Screen
from worker.composition import open_inventory
from worker.logs import configure_logs
from worker.settings import Settings, load_settings


def screen(*, as_json: bool = False) -> Screen:
    """Return where a command's answer and its remarks go."""
    return Screen(as_json=as_json, prefix="")


def read_settings() -> Settings:
    """Return the settings, with the logs as they say."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


@contextmanager
def opened_ledger(statement_timeout_ms: int | None = None) -> Iterator[Ledger]:
    """Open the ledger; long work of an operator's own may lift the limit on statements."""
    settings = read_settings()
    is_long_work = statement_timeout_ms is not None
    if is_long_work:
        settings = settings.model_copy(update={"statement_timeout_ms": statement_timeout_ms})
    inventory = open_inventory(settings, for_long_work=is_long_work)
    # Raised, it also ends the statement that the database is at.
    raise_on_interrupt()
    try:
        yield inventory.ledger
    finally:
        inventory.close()
