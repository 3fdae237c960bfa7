"""Names and texts as SQL has them."""

from __future__ import annotations

from collections.abc import Iterable


def name(text: str) -> str:
    """Return a name as an identifier, also one with its schema."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in text.split("."))


def literal(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def path(schemas: Iterable[str]) -> str:
    """Return where names are looked for: what is Postgres' own first, what is a session's last."""
    quoted = ('"' + schema.replace('"', '""') + '"' for schema in schemas)
    return ", ".join(["pg_catalog", *quoted, "pg_temp"])
