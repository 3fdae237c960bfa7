"""The SQL of an adoption: what is put into the database, in its order, and what takes it away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from activities.inventory.adoption.catalogue import Catalogue, Table
from activities.inventory.adoption.linked_script import (
    INTEGERS,
    MISFIT_LIMITS,
    cart_values,
    hold_triggers,
    hold_values,
    kept_beside_holds,
    misfits,
    touching,
)
from activities.inventory.adoption.plan import (
    CartItems,
    Elsewhere,
    Plan,
    Stock,
)
from activities.inventory.adoption.planned_columns import (
    own_columns,
    planned_columns,
    sku_columns,
    viewed_columns,
)
from activities.inventory.adoption.quoting import literal, name, path
from activities.inventory.adoption.words import column_text, sku_of, word_of
from holdfast_client.contract.fields import LINES_MAX, SKU_LENGTH_MAX

# For so long the ledger looks for rows of the shop, and then holds them: well under the time after
# which the server looks for deadlocks, and under what the shop was promised, with some room.
WAIT_BUDGET_MS: Final = 300
# The shortest that the server can sleep: often enough to find a row between two of the shop's.
LOOK_AGAIN_SECONDS: Final = 0.001
SHOP_WAIT_MS_MAX: Final = 400
# So many rows of the shop's one transaction holds: as many as a checkout has lines. On an idle
# machine they take half of the budget.
ROWS_AT_ONCE_MAX: Final = LINES_MAX
# What follows words would rather leave them for later than wait longer for anything.
WORDS_WAIT_MS: Final = 50
# So many words that wait are followed by one transaction of the ledger.
LATE_WORDS_MAX: Final = 50
# A SKU that cannot be had is looked at again so much later.
BLOCKED_SECONDS: Final = 10
WORDS_PATIENCE_SECONDS: Final = 300
FOLLOWING: Final = (
    "zz_holdfast_former_sku",
    "zz_holdfast_former_sku_gone",
    "zz_holdfast_keep_held",
    "zz_holdfast_refuse_truncate",
    "zz_holdfast_carry_key",
    "zz_holdfast_drop_key",
    "zz_holdfast_follow_new",
    "zz_holdfast_follow_gone",
    "zz_holdfast_follow",
)
_OPEN_CARTS: Final = "WHERE closed_at IS NULL AND cart_id IS NOT NULL"
# By which the open checkouts of a cart are found.
CARTS_INDEX: Final = "reservations_open_by_cart"
CARTS_INDEX_SCRIPT: Final = (
    f"DROP INDEX IF EXISTS holdfast.{CARTS_INDEX}",
    f"CREATE INDEX CONCURRENTLY {CARTS_INDEX} ON holdfast.reservations (cart_id) {_OPEN_CARTS}",
)
OF_SKU_TABLE: Final = (
    "zz_holdfast_former_sku",
    "zz_holdfast_former_sku_gone",
    "zz_holdfast_follow_sku",
    "zz_holdfast_refuse_truncate",
)
KEEP_TO_BUDGET: Final = "SELECT holdfast.keep_to_budget();"

_FOLDER: Final = Path(__file__).parent / "sql"
# A shop's table may have a column of any name, so one that stands by itself is always a variable.
_BODY: Final = re.compile(r"AS \$\$\n(?=DECLARE|BEGIN)")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_INSTEAD: Final = {
    "total": "Change it by `holdfast adjust`, or by a stock file.",
    "reserved": "Reserve by a checkout: ReservationClient.reserve, or POST it to your service.",
}


def apply_script(plan: Plan, catalogue: Catalogue) -> str:
    """Return all that is put into the database: functions first, what switches them on last."""
    values = _values(plan, catalogue)
    return "\n".join(filled(file, values) for file in _files(plan)) + "\n" + _REVOKE


def policy_script(plan: Plan, catalogue: Catalogue) -> str:
    """Return what is replaced where a plan that is applied comes with other policies."""
    values = _values(plan, catalogue)
    text = "\n".join(filled(file, values) for file in ("adopted_figures", "keep_shop_row"))
    return re.sub(r"^CREATE (VIEW|FUNCTION)", r"CREATE OR REPLACE \1", text, flags=re.MULTILINE)


def question(file: str, plan: Plan, catalogue: Catalogue, **bounds: int) -> str:
    """Return a question about the shop's rows, before anything of an adoption is there."""
    stock_alone = plan.model_copy(update={"carts": None, "holds": None})
    values = _values(stock_alone, catalogue) | {
        bound: str(value) for bound, value in bounds.items()
    }
    return filled(file, values)


def filled(file: str, values: Mapping[str, str]) -> str:
    """Return one of the files of SQL, with its placeholders filled."""
    text = (_FOLDER / f"{file}.sql").read_text(encoding="utf-8")
    text = _BODY.sub("AS $$\n#variable_conflict use_variable\n", text)
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def held(locks: Iterable[tuple[str, str]]) -> str:
    """Return what locks tables, each in a mode, all within one budget of the ledger's."""
    lines = (f"{KEEP_TO_BUDGET}\nLOCK TABLE {table} IN {mode} MODE;" for table, mode in locks)
    return "\n".join(lines)


def triggers_of(plan: Plan) -> list[tuple[str, str]]:
    """Return the triggers of an adoption, and the tables that they are on."""
    table = name(plan.stock.table)
    found = [(trigger, table) for trigger in FOLLOWING]
    found.append(("late_words_follow", "holdfast.late_words"))
    found.append(("adopted_rows_note_parted", "holdfast.adopted_rows"))
    if not plan.stock.active:
        found.append(("stock_items_forget_gone", "holdfast.stock_items"))
    if plan.stock.figures:
        found += [
            ("zz_holdfast_keep", table),
            ("stock_items_write_shop_row", "holdfast.stock_items"),
        ]
    if plan.stock.elsewhere:
        other = name(plan.stock.elsewhere[0].table)
        found += [(trigger, other) for trigger in OF_SKU_TABLE]
    if plan.holds:
        found += hold_triggers(plan.holds, reserved=bool(plan.stock.reserved))
    if plan.carts:
        found.append(("reservations_follow_cart", "holdfast.reservations"))
    return found


_OF_EVERY_PLAN: Final = (
    "keep_to_budget",
    "hold_still",
    "tables",
    "parted_items",
    "shop_rows",
    "adopted_figures",
    "row_skus",
    "note_put_back",
    "note_misfit",
    "post_shop_movements",
    "late_words",
    "former_skus",
    "link_shop_rows",
    "follow_skus",
    "move_links",
    "follow_gone_rows",
    "follow_words",
    "follow_shop_rows",
    "lock_shop_rows",
    "follow_shop",
    "keep_held_rows",
    "adopt_page",
    "drain_shop_reserved",
    "find_shop_breaches",
)


def _files(plan: Plan) -> Iterator[str]:
    yield from _OF_EVERY_PLAN
    yield "sale_kept_in" if plan.stock.active else "gone_items"
    if plan.stock.figures:
        yield from ("refuse_changed_row", "write_shop_row", "write_back_rows")
        yield "keep_shop_row"
    if plan.holds:
        yield "holds"
    if plan.holds and plan.stock.reserved:
        yield "cleared_holds"
    if plan.carts:
        yield from ("bought", "carts")
        if plan.carts.items:
            yield "read_cart"
    # The shop waits for all that follows: the ledger's own tables come before.
    yield "hold_shop_tables"
    if plan.holds and plan.stock.reserved:
        yield "cleared_holds_trigger"
    if plan.stock.elsewhere:
        yield "follow_sku_table"
    if plan.stock.figures:
        yield "keep_triggers"
    yield "follow_triggers"


# As in the ledger's own schema: closed to all but the owner.
_REVOKE: Final = "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA holdfast FROM PUBLIC;\n"


def _values(plan: Plan, catalogue: Catalogue) -> dict[str, str]:
    stock = plan.stock
    table = catalogue[stock.table]
    values = {
        "table": name(stock.table),
        "table_text": literal(stock.table),
        "key": name(stock.key),
        "key_type": table.type_of(stock.key),
        "shop_tables_held": held(_locks_to_apply(plan)),
        "path": path(table.path),
        "location": literal(stock.location),
        "budget_ms": str(WAIT_BUDGET_MS),
        "rows_at_once_max": str(ROWS_AT_ONCE_MAX),
        "look_again_seconds": str(LOOK_AGAIN_SECONDS),
        "words_wait_ms": str(WORDS_WAIT_MS),
        "late_words_max": str(LATE_WORDS_MAX),
        "blocked_seconds": str(BLOCKED_SECONDS),
        "words_patience_seconds": str(WORDS_PATIENCE_SECONDS),
        "name": f"coalesce({word_of(stock.name)}::text, '')" if stock.name else "NULL::text",
        "active": f"coalesce({word_of(stock.active)}, false)" if stock.active else "NULL::boolean",
        "active_text": literal(column_text(stock.active, stock.table)) if stock.active else "NULL",
        "has_active": _boolean(bool(stock.active)),
        "has_total": _boolean(bool(stock.total)),
        "has_reserved": _boolean(bool(stock.reserved)),
        "triggers": ", ".join(
            f"({literal(trigger)}, {literal(place)})" for trigger, place in triggers_of(plan)
        ),
        "planned": _named(planned_columns(plan, catalogue)),
        "viewed": _named(dict.fromkeys(viewed_columns(stock, catalogue))),
        "row_changed": _changed(own_columns(stock)),
        **_sku(stock, table),
        **MISFIT_LIMITS,
        **_figures(plan, catalogue),
    }
    values |= _of_other_table(stock, catalogue)
    values |= _linked(plan, catalogue)
    for part in ("rows", "free_rows", "keep_to_begun_budget", "refuse_deletion"):
        values[part] = filled(part, values).rstrip()
    if stock.figures:
        values["write_back"] = "PERFORM holdfast.write_back_rows(keys);"
        values["follow_unfollowed"] = filled("follow_unfollowed", values)
        values["keeping"] = "".join(_kept(plan, figure, values) for figure in stock.figures)
    else:
        values["write_back"] = values["follow_unfollowed"] = ""
    return values


def _sku(stock: Stock, table: Table) -> dict[str, str]:
    columns = sku_columns(stock)
    # The condition is asked before the write, and what is generated is not known then.
    is_known = not any(table.columns[column].is_generated for column in columns)
    return {
        "sku": sku_of(stock.sku),
        "sku_noted_max": str(SKU_LENGTH_MAX + 1),
        "sku_changed": _changed(columns) if is_known else "true",
    }


def _named(columns: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"({literal(place)}, {literal(column)})" for place, column in columns)


def _linked(plan: Plan, catalogue: Catalogue) -> dict[str, str]:
    values = {"show_open_holds": "", "not_now": filled("not_now", {}).rstrip()}
    if plan.holds:
        values |= hold_values(plan.holds, catalogue)
        parts = misfits(plan.holds, catalogue)
        values["hold_misfits"] = "".join(filled("hold_misfit", part) for part in parts)
        values["show_open_holds"] = filled("show_open_holds", values)
    if plan.carts:
        values |= cart_values(plan.carts, catalogue)
        values["cart_status"] = filled("cart_status", values) if plan.carts.status else ""
        values["cart_lines"] = filled("cart_lines", values) if plan.carts.clear_on else ""
        if plan.carts.items:
            values["products_of_items"] = _products_of_items(
                plan.stock, plan.carts.items, catalogue
            )
    return values


def _products_of_items(stock: Stock, items: CartItems, catalogue: Catalogue) -> str:
    """Return what joins the product of a cart's line, and the row of its stock if it has one."""
    table, product = catalogue[stock.table], f"i.{name(items.product)}"
    own = f"LEFT JOIN {name(stock.table)} AS t ON t."
    if not stock.elsewhere:
        return f"{own}{name(stock.key)} = {product}::{table.type_of(stock.key)}"
    other = catalogue[stock.elsewhere[0].table]
    key = other.primary_key or ""
    joined = f"LEFT JOIN {name(other.name)} AS o ON o.{name(key)} = "
    via = name(stock.elsewhere[0].via)
    return f"{joined}{product}::{other.type_of(key)}\n      {own}{via} = o.{name(key)}"


def _figures(plan: Plan, catalogue: Catalogue) -> dict[str, str]:
    stock = plan.stock
    columns = catalogue[stock.table].columns
    own = {figure: name(column) for figure, column in stock.figures.items()}
    touched = touching(stock.updated_at, columns) if stock.updated_at else ""

    def listed(form: str, separator: str = ", ") -> str:
        return separator.join(form.format(figure=f, column=c) for f, c in own.items())

    # One column alone is no row to be compared as one.
    return {
        "total": f"t.{own['total']}::bigint" if stock.total else "NULL::bigint",
        "reserved": f"t.{own['reserved']}::bigint" if stock.reserved else "NULL::bigint",
        "total_text": literal(stock.total or ""),
        "reserved_text": literal(stock.reserved or ""),
        "reserved_column": own.get("reserved", ""),
        "touched": touched,
        "total_is_shared": _boolean(plan.writes.total == "shared" or not stock.total),
        "reserved_is_shared": _boolean(plan.writes.reserved == "shared"),
        "figures_of_row": listed("t.{column}"),
        "stored_figures": listed("stored.{column}"),
        "figures_of_item": listed("s.{figure}_quantity"),
        "new_figures": listed("NEW.{figure}_quantity"),
        "figures_set": listed("{column} = s.{figure}_quantity") + touched,
        "new_figures_set": listed("{column} = NEW.{figure}_quantity") + touched,
        "figures_changed": _changed(stock.figures.values()),
        **{
            f"{figure}_max": str(INTEGERS[columns[column].type if column else "bigint"])
            for figure, column in (("total", stock.total), ("reserved", stock.reserved))
        },
    }


_FORMER_ROW: Final = "(SELECT OLD.*) AS t"


def _of_other_table(stock: Stock, catalogue: Catalogue) -> dict[str, str]:
    own = f"{name(stock.table)} AS t"
    if not stock.elsewhere:
        product = f"t.{name(stock.key)}"
        return {"from_rows": own, "former_rows": _FORMER_ROW, "product": product}
    other = stock.elsewhere[0]
    key = name(catalogue[other.table].primary_key or "")
    words = [each.column for each in stock.elsewhere]
    sku = name(stock.sku.column) if isinstance(stock.sku, Elsewhere) else ""
    joined = f"LEFT JOIN {name(other.table)} AS o ON o.{key} = t.{name(other.via)}"
    return {
        "from_rows": f"{own}\n  {joined}",
        "former_rows": f"{_FORMER_ROW}\n          {joined}",
        "product": f"t.{name(other.via)}",
        "via": name(other.via),
        "sku_table": name(other.table),
        "sku_key": key,
        "sku_words_changed": _changed(words),
        "sku_of_old": f"OLD.{sku}" if sku else "NULL::text",
        "sku_of_new": f"NEW.{sku}" if sku else "NULL::text",
    }


def _kept(plan: Plan, figure: Literal["total", "reserved"], values: Mapping[str, str]) -> str:
    policy = getattr(plan.writes, figure)
    column = plan.stock.figures[figure]
    floor = "held" if figure == "reserved" or plan.writes.reserved == "shared" else "reserved"
    kept = f"item.{figure}"
    if policy == "shared":
        kept = f"greatest(coalesce(NEW.{name(column)}, item.{figure}), item.{floor})"
    if policy == "shared" and figure == "reserved" and plan.holds:
        kept = kept_beside_holds(name(column), name(plan.stock.key))
    parts = {
        **values,
        "column": name(column),
        "column_text": literal(column),
        "figure": figure,
        "kept": kept,
        "instead": literal(_INSTEAD[figure]),
    }
    return filled("refuse_figure" if policy == "refuse" else "keep_figure", parts)


def _locks_to_apply(plan: Plan) -> list[tuple[str, str]]:
    """Return the shop's tables that get switches: of its SKUs, then of its stock and its holds."""
    tables = [*(name(each.table) for each in plan.stock.elsewhere), name(plan.stock.table)]
    if plan.holds and plan.stock.reserved:
        tables.append(name(plan.holds.table))
    return [(table, "SHARE ROW EXCLUSIVE") for table in dict.fromkeys(tables)]


def _changed(columns: Iterable[str]) -> str:
    named = [name(column) for column in columns]
    old, new = (", ".join(f"{side}.{column}" for column in named) for side in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"


def _boolean(value: bool) -> str:
    return "true" if value else "false"
