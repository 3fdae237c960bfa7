"""Taking a protection out of a function of one test's own database."""

from __future__ import annotations

from sqlalchemy import Engine, text

_DEFINITION = text("SELECT pg_get_functiondef(CAST(:name AS regproc))")


def rewrite_function(engine: Engine, name: str, clause: str, instead: str = "") -> None:
    """Replace a clause of a function, which must be in it, for every session from now on.

    Args:
        engine: of the owner.
        name: of the function, without its schema.
        clause: what to take out.
        instead: what to put there.
    """
    with engine.begin() as connection:
        definition = connection.execute(_DEFINITION, {"name": f"holdfast.{name}"}).scalar_one()
        assert clause in definition
        changed = definition.replace(clause, instead).replace("%", "%%")
        connection.exec_driver_sql(changed)
