"""Names and texts as SQL has them."""

from __future__ import annotations


def name(text: str) -> str:
    """Return a name as an identifier, also one with its schema."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in text.split("."))


def literal(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"
