"""A real Prometheus of a test's own, with the configuration and the rules that are deployed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.embedded.processes import comes_true
from tests.limits import HANG_SECONDS
from tests.system_packages import skip_without
from worker.embedded.ports import choose_ports

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
CONFIGURATION: Final = DEPLOY / "prometheus/prometheus.yml"
RULES: Final = DEPLOY / "prometheus/alerts.yml"
INTERVAL: Final = "500ms"


def required(program: str) -> str:
    """Return the path of one of Prometheus' programs, or skip the test that needs it."""
    path = shutil.which(program)
    if path is None:
        skip_without(program, "prometheus")
    return path


@dataclass(frozen=True)
class Prometheus:
    """Asks a running server's HTTP API."""

    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        address = f"{self.url}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(address, timeout=HANG_SECONDS) as answer:
            return json.load(answer)["data"]

    def rows(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of everything that an instant query finds."""
        result = self.ask("query", query=query)["result"]
        return [(row["metric"], float(row["value"][1])) for row in result]

    def value(self, query: str) -> float | None:
        """Return the one value of a query, None where it finds nothing."""
        rows = self.rows(query)
        assert len(rows) <= 1, rows
        return rows[0][1] if rows else None

    def names(self) -> set[str]:
        """Return the names of all series that were scraped or recorded."""
        return set(self.ask("label/__name__/values"))

    def is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=HANG_SECONDS):
                return True
        except (URLError, ConnectionError):
            return False


@contextmanager
def running_prometheus(directory: Path, targets: Sequence[str]) -> Iterator[Prometheus]:
    """Run a server that scrapes these addresses, on a free port, until the block ends."""
    program = required("prometheus")
    (port,) = choose_ports([0])
    directory.mkdir()
    (directory / "prometheus.yml").write_text(yaml.safe_dump(_configuration(targets)))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        assert comes_true(server.is_ready), (directory / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)


def _configuration(targets: Sequence[str]) -> Any:
    """Return what is deployed, with other targets and shorter intervals."""
    deployed = yaml.safe_load(CONFIGURATION.read_text())
    deployed["global"] |= {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
    deployed["global"]["scrape_timeout"] = INTERVAL
    deployed["rule_files"] = [str(RULES)]
    (job,) = deployed["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": list(targets)}]
    return deployed
