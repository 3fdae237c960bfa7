"""A record of every extension, and an index by which denials are found.

Expands only: workers of the version before go on beside it. They extend holds without a record.

The index is not built CONCURRENTLY, because all migrations run in one transaction, so that a
failed one leaves nothing behind. While it is built, writes to `reservations` wait. Where that
would be too long, build it beforehand, under this name, by CREATE INDEX CONCURRENTLY; it is then
left as it is. See docs/operations.md.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_S = "holdfast"
_moment = sa.DateTime(timezone=True)
_id = sa.Text(collation="C")

_APPEND_ONLY_TRIGGER = """
CREATE TRIGGER reservation_extensions_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.reservation_extensions
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change()
"""


def upgrade() -> None:
    _create_reservation_extensions()
    op.execute(_APPEND_ONLY_TRIGGER)
    op.create_index(
        "reservations_denied_by_time",
        "reservations",
        ["created_at"],
        schema=_S,
        # Not by status: a claim is a denial until it is granted, and would go through the index.
        postgresql_where=sa.text("shortages IS NOT NULL"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_index("reservations_denied_by_time", "reservations", schema=_S)
    op.drop_table("reservation_extensions", schema=_S)


def _create_reservation_extensions() -> None:
    op.create_table(
        "reservation_extensions",
        sa.Column("reservation_id", _id, nullable=False),
        sa.Column("extension_id", _id, nullable=False),
        sa.Column("from_deadline", _moment, nullable=False),
        sa.Column("to_deadline", _moment, nullable=False),
        sa.Column("seconds", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("actor", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", _moment, nullable=False),
        sa.PrimaryKeyConstraint(
            "reservation_id", "extension_id", name="reservation_extensions_pkey"
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            [f"{_S}.reservations.id"],
            name="reservation_extensions_reservation_id_fkey",
        ),
        sa.CheckConstraint(
            "length(extension_id) BETWEEN 1 AND 200", name="reservation_extensions_id_length"
        ),
        sa.CheckConstraint(
            "to_deadline >= from_deadline", name="reservation_extensions_never_nearer"
        ),
        schema=_S,
    )
