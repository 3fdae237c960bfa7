"""The SQL of a plan's carts and holds: what fits a column of the shop's, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from activities.inventory.adoption.catalogue import Catalogue, Column
from activities.inventory.adoption.plan import Carts, Holds
from activities.inventory.adoption.quoting import literal, name, path

# Of what could not be shown of checkouts so many rows are kept, and so many forgotten by one note.
MISFIT_LIMITS: Final = {"misfits_kept_max": "1000", "misfits_at_once_max": "100"}
# Of carts and holds, in the order in which they can go.
LINKED_OBJECTS: Final = (
    ("FUNCTION", "follow_cart"),
    ("FUNCTION", "bought"),
    ("FUNCTION", "follow_line"),
    ("FUNCTION", "show_hold"),
    ("FUNCTION", "note_unshown"),
    ("FUNCTION", "note_misfit"),
    ("FUNCTION", "follow_cleared_holds"),
    ("FUNCTION", "forget_owed_units"),
    ("FUNCTION", "pay_back"),
    ("FUNCTION", "owe_units"),
    ("TABLE", "adopted_holds"),
    ("TABLE", "owed_units"),
)
INTEGERS: Final = {
    "smallint": 2**15 - 1,
    "integer": 2**31 - 1,
    "bigint": 2**63 - 1,
}
TEXTS: Final = frozenset({"text", "character varying"})
_DIGITS: Final = r"^-?[0-9]{1,18}$"
_UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def can_take(column: Column) -> bool:
    """Return whether a column can take an id of the ledger's."""
    return column.type in INTEGERS or column.type in TEXTS or column.type == "uuid"


def fitted(text: str, column: Column) -> str:
    """Return an expression that is a text as a column has it, and null where it does not fit.

    Args:
        text: an expression of the type text.
        column: one that :func:`can_take` it.
    """
    value = text
    if column.type in INTEGERS:
        most = INTEGERS[column.type]
        value = (
            f"CASE WHEN {text} ~ '{_DIGITS}' THEN CASE WHEN abs({text}::bigint) <= {most} "
            f"THEN {text}::{column.type} END END"
        )
    elif column.type == "uuid":
        value = f"CASE WHEN {text} ~ '{_UUID}' THEN {text}::uuid END"
    elif column.length:
        value = f"CASE WHEN length({text}) <= {column.length} THEN {text} END"
    if column.refers_to:
        key = name(column.refers_to["column"])
        place = column.refers_to["table"]
        # Names of the catalogue, quoted; the script is SQL, and nobody's values are in it.
        value = f"(SELECT k.{key} FROM {place} AS k WHERE k.{key} = {value})"  # noqa: S608
    return value


def moment(expression: str, type: str) -> str:
    """Return a moment as a column has it: without a zone it is in UTC, as in Rails and Django."""
    return expression if type.endswith("with time zone") else f"{expression} AT TIME ZONE 'UTC'"


def touching(column: str, columns: Mapping[str, Column]) -> str:
    """Return what says of a row, after its other columns, that it was changed just now."""
    return f", {name(column)} = {moment('clock_timestamp()', columns[column].type)}"


def hold_values(holds: Holds, catalogue: Catalogue) -> dict[str, str]:
    """Return what the SQL of the holds is filled with, but for its misfits."""
    table = catalogue[holds.table]
    return {
        "holds": name(holds.table),
        "holds_path": path(table.path),
        "holds_text": literal(holds.table),
        "hold_key": name(table.primary_key or ""),
        "hold_key_type": table.type_of(table.primary_key or ""),
        "hold_product": name(holds.product),
        "hold_product_type": table.type_of(holds.product),
        "hold_quantity": name(holds.quantity),
        "hold_expires_at": name(holds.expires_at),
        "hold_deadline": moment("ends_at", table.type_of(holds.expires_at)),
        "hold_others": "".join(f", {name(column)}" for column in holds.others),
        "hold_values": "".join(f", {value}" for value in _others(holds, catalogue).values()),
    }


def hold_triggers(holds: Holds, *, reserved: bool) -> list[tuple[str, str]]:
    """Return the triggers of the rows of holds, and the tables that they are on."""
    found = [("reservation_lines_show_hold", "holdfast.reservation_lines")]
    if reserved:
        found.append(("owed_units_forget", "holdfast.owed_units"))
        found.append(("zz_holdfast_follow_cleared", name(holds.table)))
    return found


def kept_beside_holds(column: str, key: str) -> str:
    """Return what a figure is that the shop shares, where its jobs may take rows of holds out."""
    new = f"coalesce(NEW.{column}, item.reserved)"
    lowered = f"coalesce(OLD.{column}, item.reserved) - {new}"
    return f"{new} + holdfast.pay_back(OLD.{key}, {lowered}, item.held - {new})"


def misfits(holds: Holds, catalogue: Catalogue) -> list[dict[str, str]]:
    """Return what may not fit: the column, the expression, and where it comes from."""
    values = _others(holds, catalogue)
    return [
        {
            "source": source,
            "value": values[column],
            "column_text": literal(f"{holds.table}.{column}"),
        }
        for column, source in holds.others.items()
        if source != "held_at"
    ]


def _others(holds: Holds, catalogue: Catalogue) -> dict[str, str]:
    columns = catalogue[holds.table].columns
    return {
        column: moment("r.held_at", columns[column].type)
        if source == "held_at"
        else fitted(f"r.{source}", columns[column])
        for column, source in holds.others.items()
    }


def cart_values(carts: Carts, catalogue: Catalogue) -> dict[str, str]:
    """Return what the SQL of the carts is filled with."""
    values = {
        "cart_clear_on": ", ".join(map(literal, carts.clear_on)),
        **{
            f"cart_{outcome}": literal(word) if word else "NULL"
            for outcome, word in (
                ("fulfilled", carts.fulfilled),
                ("expired", carts.expired),
                ("cancelled", carts.cancelled),
            )
        },
    }
    places = [carts.table, carts.items.table if carts.items else None]
    schemas = [schema for place in places if place for schema in catalogue[place].path]
    values["carts_path"] = path(dict.fromkeys(schemas))
    return values | _cart_table(carts, catalogue) | _cart_items(carts, catalogue)


def _cart_table(carts: Carts, catalogue: Catalogue) -> dict[str, str]:
    if not carts.table:
        return {
            "cart_type": "text",
            "cart_found": "NEW.cart_id",
            "cart_wanted": "wanted",
            "cart_customer": "NULL::text",
            "cart_lines_touched": "",
        }
    table = catalogue[carts.table]
    place, key = name(carts.table), name(table.primary_key or "")

    def found(text: str) -> str:
        # The newest where a key is no unique one, such as that of a session.
        return (
            f"(SELECT t.{key} FROM {place} AS t "  # noqa: S608  # names are quoted, values fitted
            f"WHERE t.{name(carts.key)} = {fitted(text, table.columns[carts.key])} "
            f"ORDER BY t.{key} DESC LIMIT 1)"
        )

    customer = "NULL::text"
    if carts.customer:
        customer = (
            f"(SELECT t.{name(carts.customer)}::text FROM {place} AS t "  # noqa: S608  # as above
            f"WHERE t.{key} = cart)"
        )
    touched = ""
    if carts.updated_at:
        now = moment("clock_timestamp()", table.type_of(carts.updated_at))
        touched = f"{name(carts.updated_at)} = {now}"
    return {
        "carts": place,
        "cart_key": key,
        "cart_type": table.type_of(table.primary_key or ""),
        "cart_found": found("NEW.cart_id"),
        "cart_wanted": found("wanted"),
        "cart_customer": customer,
        "cart_status_column": name(carts.status or ""),
        "cart_status_text": literal(f"{carts.table}.{carts.status}"),
        "cart_touched": touched and f", {touched}",
        "cart_lines_touched": touched
        and f"UPDATE {place} AS t SET {touched} WHERE t.{key} = cart;",  # noqa: S608  # as above
    }


def _cart_items(carts: Carts, catalogue: Catalogue) -> dict[str, str]:
    if not carts.items:
        return {}
    table = catalogue[carts.items.table]
    key = table.primary_key
    return {
        "item_order": f"t.{name(key)}" if key else "t.ctid",
        "cart_items": name(carts.items.table),
        "cart_items_text": literal(carts.items.table),
        "item_cart": name(carts.items.cart),
        "item_cart_type": table.type_of(carts.items.cart),
        "item_product": name(carts.items.product),
        "item_product_type": table.type_of(carts.items.product),
        "item_quantity": name(carts.items.quantity),
    }
