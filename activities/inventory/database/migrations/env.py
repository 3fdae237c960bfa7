"""Alembic's entry: runs the migrations on the connection that `migrate.py` hands over."""

from __future__ import annotations

from alembic import context

from activities.inventory.database.migrate import CONTEXT_OPTIONS


def _run() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=None,
        **CONTEXT_OPTIONS,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
