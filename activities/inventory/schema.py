"""The tables, as SQLAlchemy sees them. Migrations make them; a check holds the two in step.

Every rule that one row can state is a named CHECK here, so that no code path, and no hand in a
SQL console, can break it. `errors.py` translates the names.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA: Final = "holdfast"

metadata: Final = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
    },
)

_clock: Final = text("holdfast.clock()")
_moment: Final = DateTime(timezone=True)
# The order of ids is part of the lock order, so it must not depend on a locale.
_id_text: Final = Text(collation="C")

stock_items: Final = Table(
    "stock_items",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sku", Text, nullable=False),
    Column("location", Text, nullable=False, server_default="main"),
    Column("name", Text, nullable=False, server_default=""),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("total_quantity", BigInteger, nullable=False, server_default=text("0")),
    Column("reserved_quantity", BigInteger, nullable=False, server_default=text("0")),
    Column(
        "available_quantity",
        BigInteger,
        Computed("total_quantity - reserved_quantity", persisted=True),
        nullable=False,
    ),
    Column("created_at", _moment, nullable=False, server_default=_clock),
    Column("updated_at", _moment, nullable=False, server_default=_clock),
    UniqueConstraint("sku", "location", name="stock_items_sku_location_key"),
    CheckConstraint("total_quantity >= 0", name="stock_items_total_not_negative"),
    CheckConstraint("reserved_quantity >= 0", name="stock_items_reserved_not_negative"),
    CheckConstraint(
        "reserved_quantity <= total_quantity", name="stock_items_reserved_within_total"
    ),
    CheckConstraint("length(sku) BETWEEN 1 AND 100", name="stock_items_sku_length"),
    CheckConstraint("length(location) BETWEEN 1 AND 100", name="stock_items_location_length"),
    # Room on each page, so that the frequent change of a quantity stays on it and off the indexes.
    postgresql_with={"fillfactor": "50"},
)

reservations: Final = Table(
    "reservations",
    metadata,
    Column("id", _id_text, primary_key=True),
    Column("checkout_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("customer_id", Text),
    Column("cart_id", Text),
    Column("expires_at", _moment),
    Column("created_at", _moment, nullable=False),
    Column("closed_at", _moment),
    Column("reason", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False, server_default=""),
    Column("payment_reference", Text),
    # Tells a repeated request from a different one under the same id. Null in a tombstone.
    Column("request_digest", Text),
    # What a denied request lacked: the answer to give again, and the record of lost demand.
    Column("shortages", JSONB(none_as_null=True)),
    CheckConstraint(
        "status IN ('held', 'denied', 'fulfilled', 'cancelled', 'expired')",
        name="reservations_status_known",
    ),
    CheckConstraint(
        "(status = 'held') = (closed_at IS NULL)", name="reservations_held_is_not_closed"
    ),
    CheckConstraint(
        "status <> 'held' OR expires_at IS NOT NULL", name="reservations_held_has_deadline"
    ),
    CheckConstraint(
        "status <> 'fulfilled' OR payment_reference IS NOT NULL",
        name="reservations_fulfilled_is_paid",
    ),
    # Holds only what is open, so looking for overdue holds costs the same however many are closed.
    Index(
        "reservations_open_by_deadline",
        "expires_at",
        "id",
        postgresql_where=text("status = 'held'"),
    ),
    # Not by status: a claim is a denial until it is granted, and would go through the index.
    Index(
        "reservations_denied_by_time",
        "created_at",
        postgresql_where=text("shortages IS NOT NULL"),
    ),
)

# Append only. An extension that is here was made, and is never made again under its id.
reservation_extensions: Final = Table(
    "reservation_extensions",
    metadata,
    Column(
        "reservation_id",
        _id_text,
        ForeignKey(reservations.c.id, name="reservation_extensions_reservation_id_fkey"),
        nullable=False,
    ),
    Column("extension_id", _id_text, nullable=False),
    Column("from_deadline", _moment, nullable=False),
    Column("to_deadline", _moment, nullable=False),
    # What was asked for. Null where a worker of 0.1.0 asked, which names the deadline alone.
    Column("seconds", Integer),
    Column("reason", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False, server_default=""),
    Column("created_at", _moment, nullable=False),
    PrimaryKeyConstraint("reservation_id", "extension_id", name="reservation_extensions_pkey"),
    CheckConstraint(
        "length(extension_id) BETWEEN 1 AND 200", name="reservation_extensions_id_length"
    ),
    CheckConstraint("to_deadline >= from_deadline", name="reservation_extensions_never_nearer"),
)

reservation_lines: Final = Table(
    "reservation_lines",
    metadata,
    Column(
        "reservation_id",
        _id_text,
        ForeignKey(reservations.c.id, name="reservation_lines_reservation_id_fkey"),
        nullable=False,
    ),
    Column(
        "stock_item_id",
        BigInteger,
        ForeignKey(stock_items.c.id, name="reservation_lines_stock_item_id_fkey"),
        nullable=False,
    ),
    Column("quantity", BigInteger, nullable=False),
    PrimaryKeyConstraint("reservation_id", "stock_item_id", name="reservation_lines_pkey"),
    CheckConstraint("quantity > 0", name="reservation_lines_quantity_positive"),
)

# The lines of open holds, by stock item and deadline. A trigger on reservations keeps it; nobody
# writes it. Looking through the open holds for those on one item would cost more the more are open.
open_lines: Final = Table(
    "open_lines",
    metadata,
    Column("stock_item_id", BigInteger, nullable=False),
    Column("expires_at", _moment, nullable=False),
    Column("reservation_id", _id_text, nullable=False),
    PrimaryKeyConstraint("stock_item_id", "expires_at", "reservation_id", name="open_lines_pkey"),
)

stock_adjustments: Final = Table(
    "stock_adjustments",
    metadata,
    Column("id", _id_text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("outcome", JSONB(none_as_null=True)),
    Column("created_at", _moment, nullable=False, server_default=_clock),
)

stock_movements: Final = Table(
    "stock_movements",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "stock_item_id",
        BigInteger,
        ForeignKey(stock_items.c.id, name="stock_movements_stock_item_id_fkey"),
        nullable=False,
    ),
    Column(
        "reservation_id",
        _id_text,
        ForeignKey(reservations.c.id, name="stock_movements_reservation_id_fkey"),
    ),
    Column(
        "adjustment_id",
        _id_text,
        ForeignKey(stock_adjustments.c.id, name="stock_movements_adjustment_id_fkey"),
    ),
    Column("kind", Text, nullable=False),
    Column("total_delta", BigInteger, nullable=False),
    Column("reserved_delta", BigInteger, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False, server_default=""),
    Column("created_at", _moment, nullable=False),
    CheckConstraint(
        """CASE kind
            WHEN 'receive' THEN total_delta > 0 AND reserved_delta = 0
            WHEN 'adjust' THEN total_delta <> 0 AND reserved_delta = 0
            WHEN 'count' THEN reserved_delta = 0
            WHEN 'reserve' THEN total_delta = 0 AND reserved_delta > 0
            WHEN 'fulfil' THEN total_delta < 0 AND reserved_delta = total_delta
            WHEN 'cancel' THEN total_delta = 0 AND reserved_delta < 0
            WHEN 'expire' THEN total_delta = 0 AND reserved_delta < 0
            WHEN 'activate' THEN total_delta = 0 AND reserved_delta = 0
            WHEN 'deactivate' THEN total_delta = 0 AND reserved_delta = 0
            ELSE false
        END""",
        name="stock_movements_deltas_fit_the_kind",
    ),
    CheckConstraint(
        "(reservation_id IS NOT NULL) = (kind IN ('reserve', 'fulfil', 'cancel', 'expire'))",
        name="stock_movements_reservation_fits_the_kind",
    ),
    Index("stock_movements_by_stock_item", "stock_item_id", "id"),
    # A reservation moves an item once in each way: a second release of one hold cannot be written.
    Index(
        "stock_movements_once_per_reservation",
        "reservation_id",
        "stock_item_id",
        text("(kind = 'reserve')"),
        unique=True,
        postgresql_where=text("reservation_id IS NOT NULL"),
    ),
)
