"""Real Postgres and real Temporal from Python packages, with all state in one directory."""

from worker.embedded.errors import (
    DataDirectoryInUse,
    DataDirectoryUnusable,
    EmbeddedServerError,
    PortInUse,
    ServerDidNotStart,
    StartGivenUp,
)
from worker.embedded.postgres import EmbeddedPostgres
from worker.embedded.stack import EmbeddedStack
from worker.embedded.temporal import EmbeddedTemporal

__all__ = [
    "DataDirectoryInUse",
    "DataDirectoryUnusable",
    "EmbeddedPostgres",
    "EmbeddedServerError",
    "EmbeddedStack",
    "EmbeddedTemporal",
    "PortInUse",
    "ServerDidNotStart",
    "StartGivenUp",
]
