"""What is held of each stock item, by deadline, so that a denial need not look at all open holds.

Expands only. A trigger keeps the table, so that workers of the version before keep it too, and a
hand in a SQL console. While the migration runs, writes to `reservations` wait.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_S = "holdfast"

# Lines are written before, or in the same statement as, the change that makes them held. Each
# OFFSET 0 fixes the order of the look-ups: a plan is kept for as long as a connection lasts, and
# one that was made while few holds were open might go through all of them later. Rows are removed
# by their place because nobody moves them without the lock on their reservation.
_LIST_OPEN_LINES = """
CREATE FUNCTION holdfast.list_open_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ BEGIN
    DELETE FROM holdfast.open_lines
     WHERE ctid = ANY(ARRAY(
           SELECT o.ctid
             FROM before AS b,
                  LATERAL (SELECT stock_item_id
                             FROM holdfast.reservation_lines
                            WHERE reservation_id = b.id
                           OFFSET 0) AS l,
                  LATERAL (SELECT ctid
                             FROM holdfast.open_lines
                            WHERE stock_item_id = l.stock_item_id
                              AND expires_at = b.expires_at
                              AND reservation_id = b.id
                           OFFSET 0) AS o
            WHERE b.closed_at IS NULL));
    INSERT INTO holdfast.open_lines (stock_item_id, expires_at, reservation_id)
    SELECT l.stock_item_id, a.expires_at, a.id
      FROM after AS a,
           LATERAL (SELECT stock_item_id
                      FROM holdfast.reservation_lines
                     WHERE reservation_id = a.id
                    OFFSET 0) AS l
     WHERE a.closed_at IS NULL;
    RETURN NULL;
END $$
"""

_TRIGGER = """
CREATE TRIGGER reservations_list_open_lines
AFTER UPDATE ON holdfast.reservations
REFERENCING OLD TABLE AS before NEW TABLE AS after
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.list_open_lines()
"""

_FILL = """
INSERT INTO holdfast.open_lines (stock_item_id, expires_at, reservation_id)
SELECT l.stock_item_id, r.expires_at, r.id
  FROM holdfast.reservations AS r
  JOIN holdfast.reservation_lines AS l ON l.reservation_id = r.id
 WHERE r.status = 'held'
"""


def upgrade() -> None:
    op.create_table(
        "open_lines",
        sa.Column("stock_item_id", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reservation_id", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint(
            "stock_item_id", "expires_at", "reservation_id", name="open_lines_pkey"
        ),
        schema=_S,
    )
    op.execute(_LIST_OPEN_LINES)
    # From here on nobody else writes reservations until this is committed.
    op.execute(_TRIGGER)
    op.execute(_FILL)


def downgrade() -> None:
    op.execute("DROP TRIGGER reservations_list_open_lines ON holdfast.reservations")
    op.execute("DROP FUNCTION holdfast.list_open_lines()")
    op.drop_table("open_lines", schema=_S)
