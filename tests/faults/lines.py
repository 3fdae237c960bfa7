"""Where a proxy stands: between the workers and one of their servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import make_url

from tests.faults.proxy import Proxy
from tests.workflows.stage import Stage
from worker.settings import load_settings


def proxy_to(url: str, *, delay_seconds: float = 0.0) -> Proxy:
    """Return a proxy to the server of a database URL, or of ``host:port``."""
    port = make_url(url).port if "://" in url else int(url.rpartition(":")[2])
    assert port is not None
    return Proxy(port, delay_seconds=delay_seconds)


def url_through(proxy: Proxy, url: str) -> str:
    return make_url(url).set(port=proxy.port).render_as_string(hide_password=False)


def address_through(proxy: Proxy) -> str:
    return f"127.0.0.1:{proxy.port}"


def behind(proxy: Proxy, stage: Stage, **settings: Any) -> Stage:
    """Return the stage for a worker that reaches the database only through the proxy.

    The stage itself keeps its own way there, so that a test can look at the figures meanwhile.
    """
    chosen = load_settings(
        database_url=url_through(proxy, stage.settings.database),
        **{"activity_slots": stage.settings.activity_slots, **settings},
    )
    return replace(stage, settings=chosen)
