"""Structured logs on standard error: quiet by default, one line per decision when asked."""

from __future__ import annotations

import logging
import sys
from typing import Final, Literal

import structlog

# Of other people's code only warnings are written, whatever the level: at lower levels Temporal's
# SDK writes whole answers and SQLAlchemy whole rows, with customers and payments in them.
_OURS: Final = ("activities", "benchmarks", "holdfast_client", "worker", "workflows")
_OTHERS_LEVEL_MIN: Final = logging.WARNING


def configure_logs(level: str, format: Literal["json", "text"]) -> None:
    """Send the logs of this project, and warnings of its libraries, through one formatter.

    Args:
        level: least severe level that is written of this project's own logs.
        format: ``json`` for machines, ``text`` for people.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    own_level = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(own_level, _OTHERS_LEVEL_MIN), handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(own_level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logs_are_for_machines() -> bool:
    """Tell whether logs are configured, and go out as JSON."""
    return any(
        isinstance(processor, structlog.processors.JSONRenderer)
        for handler in logging.getLogger().handlers
        if isinstance(formatter := handler.formatter, structlog.stdlib.ProcessorFormatter)
        for processor in formatter.processors
    )
