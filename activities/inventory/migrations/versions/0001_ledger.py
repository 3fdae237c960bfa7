"""The ledger's first schema: stock, reservations, movements, and the views on them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_S = "holdfast"
_now = sa.text("holdfast.clock()")
_moment = sa.DateTime(timezone=True)
_id = sa.Text(collation="C")

# The one clock of the ledger. A function of our own, so that a test can turn it.
_CLOCK = """
CREATE FUNCTION holdfast.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT clock_timestamp()'
"""

_APPEND_ONLY = """
CREATE FUNCTION holdfast.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$ BEGIN
    RAISE EXCEPTION 'holdfast.% is append only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

_APPEND_ONLY_TRIGGER = """
CREATE TRIGGER stock_movements_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON holdfast.stock_movements
FOR EACH STATEMENT EXECUTE FUNCTION holdfast.refuse_change()
"""

_AVAILABILITY = """
CREATE VIEW holdfast.stock_availability AS
SELECT sku, location, name, active, total_quantity AS total, reserved_quantity AS reserved,
       available_quantity AS available
  FROM holdfast.stock_items
"""

_OVERDUE = """
CREATE VIEW holdfast.overdue_reservations AS
SELECT r.id, r.checkout_id, r.customer_id, r.expires_at,
       extract(epoch FROM moment.at - r.expires_at)::double precision AS overdue_seconds,
       (SELECT coalesce(sum(l.quantity), 0)::bigint
          FROM holdfast.reservation_lines AS l WHERE l.reservation_id = r.id) AS units
  FROM holdfast.reservations AS r, (SELECT holdfast.clock() AS at OFFSET 0) AS moment
 WHERE r.status = 'held' AND r.expires_at <= moment.at
"""


def upgrade() -> None:
    op.execute(_CLOCK)
    _create_stock_items()
    _create_reservations()
    _create_reservation_lines()
    _create_stock_adjustments()
    _create_stock_movements()
    op.execute(_APPEND_ONLY)
    op.execute(_APPEND_ONLY_TRIGGER)
    op.execute(_AVAILABILITY)
    op.execute(_OVERDUE)


def downgrade() -> None:
    op.execute("DROP VIEW holdfast.overdue_reservations")
    op.execute("DROP VIEW holdfast.stock_availability")
    for table in (
        "stock_movements",
        "stock_adjustments",
        "reservation_lines",
        "reservations",
        "stock_items",
    ):
        op.drop_table(table, schema=_S)
    op.execute("DROP FUNCTION holdfast.refuse_change()")
    op.execute("DROP FUNCTION holdfast.clock()")


def _create_stock_items() -> None:
    op.create_table(
        "stock_items",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False, server_default="main"),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("total_quantity", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("reserved_quantity", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column(
            "available_quantity",
            sa.BigInteger,
            sa.Computed("total_quantity - reserved_quantity", persisted=True),
            nullable=False,
        ),
        sa.Column("created_at", _moment, nullable=False, server_default=_now),
        sa.Column("updated_at", _moment, nullable=False, server_default=_now),
        sa.PrimaryKeyConstraint("id", name="stock_items_pkey"),
        sa.UniqueConstraint("sku", "location", name="stock_items_sku_location_key"),
        sa.CheckConstraint("total_quantity >= 0", name="stock_items_total_not_negative"),
        sa.CheckConstraint("reserved_quantity >= 0", name="stock_items_reserved_not_negative"),
        sa.CheckConstraint(
            "reserved_quantity <= total_quantity", name="stock_items_reserved_within_total"
        ),
        sa.CheckConstraint("length(sku) BETWEEN 1 AND 100", name="stock_items_sku_length"),
        sa.CheckConstraint(
            "length(location) BETWEEN 1 AND 100", name="stock_items_location_length"
        ),
        schema=_S,
        postgresql_with={"fillfactor": "50"},
    )


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", _id, nullable=False),
        sa.Column("checkout_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("cart_id", sa.Text),
        sa.Column("expires_at", _moment),
        sa.Column("created_at", _moment, nullable=False),
        sa.Column("closed_at", _moment),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("actor", sa.Text, nullable=False, server_default=""),
        sa.Column("payment_reference", sa.Text),
        sa.Column("request_digest", sa.Text),
        sa.Column("shortages", JSONB),
        sa.PrimaryKeyConstraint("id", name="reservations_pkey"),
        sa.CheckConstraint(
            "status IN ('held', 'denied', 'fulfilled', 'cancelled', 'expired')",
            name="reservations_status_known",
        ),
        sa.CheckConstraint(
            "(status = 'held') = (closed_at IS NULL)", name="reservations_held_is_not_closed"
        ),
        sa.CheckConstraint(
            "status <> 'held' OR expires_at IS NOT NULL", name="reservations_held_has_deadline"
        ),
        sa.CheckConstraint(
            "status <> 'fulfilled' OR payment_reference IS NOT NULL",
            name="reservations_fulfilled_is_paid",
        ),
        schema=_S,
    )
    op.create_index(
        "reservations_open_by_deadline",
        "reservations",
        ["expires_at", "id"],
        schema=_S,
        postgresql_where=sa.text("status = 'held'"),
    )


def _create_reservation_lines() -> None:
    op.create_table(
        "reservation_lines",
        sa.Column("reservation_id", _id, nullable=False),
        sa.Column("stock_item_id", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("reservation_id", "stock_item_id", name="reservation_lines_pkey"),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            [f"{_S}.reservations.id"],
            name="reservation_lines_reservation_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["stock_item_id"], [f"{_S}.stock_items.id"], name="reservation_lines_stock_item_id_fkey"
        ),
        sa.CheckConstraint("quantity > 0", name="reservation_lines_quantity_positive"),
        schema=_S,
    )


def _create_stock_adjustments() -> None:
    op.create_table(
        "stock_adjustments",
        sa.Column("id", _id, nullable=False),
        sa.Column("request_digest", sa.Text, nullable=False),
        sa.Column("outcome", JSONB),
        sa.Column("created_at", _moment, nullable=False, server_default=_now),
        sa.PrimaryKeyConstraint("id", name="stock_adjustments_pkey"),
        schema=_S,
    )


def _create_stock_movements() -> None:
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("stock_item_id", sa.BigInteger, nullable=False),
        sa.Column("reservation_id", _id),
        sa.Column("adjustment_id", _id),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("total_delta", sa.BigInteger, nullable=False),
        sa.Column("reserved_delta", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("actor", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", _moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="stock_movements_pkey"),
        sa.ForeignKeyConstraint(
            ["stock_item_id"], [f"{_S}.stock_items.id"], name="stock_movements_stock_item_id_fkey"
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            [f"{_S}.reservations.id"],
            name="stock_movements_reservation_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["adjustment_id"],
            [f"{_S}.stock_adjustments.id"],
            name="stock_movements_adjustment_id_fkey",
        ),
        sa.CheckConstraint(
            """CASE kind
                WHEN 'receive' THEN total_delta > 0 AND reserved_delta = 0
                WHEN 'adjust' THEN total_delta <> 0 AND reserved_delta = 0
                WHEN 'count' THEN reserved_delta = 0
                WHEN 'reserve' THEN total_delta = 0 AND reserved_delta > 0
                WHEN 'fulfil' THEN total_delta < 0 AND reserved_delta = total_delta
                WHEN 'cancel' THEN total_delta = 0 AND reserved_delta < 0
                WHEN 'expire' THEN total_delta = 0 AND reserved_delta < 0
                ELSE false
            END""",
            name="stock_movements_deltas_fit_the_kind",
        ),
        sa.CheckConstraint(
            "(reservation_id IS NOT NULL) = (kind IN ('reserve', 'fulfil', 'cancel', 'expire'))",
            name="stock_movements_reservation_fits_the_kind",
        ),
        schema=_S,
    )
    op.create_index(
        "stock_movements_by_stock_item", "stock_movements", ["stock_item_id", "id"], schema=_S
    )
    op.create_index(
        "stock_movements_once_per_reservation",
        "stock_movements",
        ["reservation_id", "stock_item_id", sa.text("(kind = 'reserve')")],
        unique=True,
        schema=_S,
        postgresql_where=sa.text("reservation_id IS NOT NULL"),
    )
