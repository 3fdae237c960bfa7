"""The SQL that takes an adoption away again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from activities.inventory.adoption.catalogue import Catalogue
from activities.inventory.adoption.linked_script import LINKED_OBJECTS, hold_values
from activities.inventory.adoption.plan import Holds, Plan
from activities.inventory.adoption.quoting import name
from activities.inventory.adoption.script import (
    CARTS_INDEX,
    KEEP_TO_BUDGET,
    filled,
    held,
    question,
    triggers_of,
)

# So many rows of holds are taken out by one transaction.
HOLDS_AT_ONCE_MAX: Final = 1_000
_HOOKS: Final = Path(__file__).parents[1] / "sql" / "functions"
_REPLACED: Final = (
    "lock_shop_rows",
    "follow_late_words",
    "find_shop_breaches",
    "read_cart",
    "sale_kept_in",
)
_OBJECTS: Final = (
    *LINKED_OBJECTS,
    ("FUNCTION", "note_parted_item"),
    ("FUNCTION", "drain_shop_reserved"),
    ("FUNCTION", "adopt_page"),
    ("FUNCTION", "follow_sku_table"),
    ("FUNCTION", "follow_shop"),
    ("FUNCTION", "follow_shop_rows"),
    ("FUNCTION", "follow_words"),
    ("FUNCTION", "follow_noted"),
    ("FUNCTION", "follow_words_at_end"),
    ("FUNCTION", "follow_skus"),
    ("FUNCTION", "former_sku"),
    ("FUNCTION", "note_late_words"),
    ("FUNCTION", "follow_gone_rows"),
    ("FUNCTION", "let_items_go"),
    ("FUNCTION", "are_all"),
    ("FUNCTION", "forget_gone_item"),
    ("FUNCTION", "move_link"),
    ("FUNCTION", "note_former_sku"),
    ("FUNCTION", "note_former_skus"),
    ("FUNCTION", "link_by_former_skus"),
    ("FUNCTION", "follow_former_skus"),
    ("FUNCTION", "link_shop_rows"),
    ("FUNCTION", "fits_sku"),
    ("FUNCTION", "post_shop_movements"),
    ("FUNCTION", "keep_shop_row"),
    ("FUNCTION", "keep_held_row"),
    ("FUNCTION", "refuse_truncate"),
    ("FUNCTION", "write_shop_row"),
    ("FUNCTION", "write_back_rows"),
    ("FUNCTION", "refuse_changed_row"),
    ("FUNCTION", "note_put_back"),
    ("FUNCTION", "keep_to_budget"),
    ("VIEW", "claims"),
    ("VIEW", "row_skus"),
    ("VIEW", "adopted_figures"),
    ("VIEW", "shop_rows"),
    ("TABLE", "late_words"),
    ("TABLE", "former_skus"),
    ("TABLE", "put_back_writes"),
    ("TABLE", "parted_items"),
    ("TABLE", "adopted_rows"),
    ("TABLE", "gone_items"),
    ("TABLE", "adoption"),
)


def leave_script(plan: Plan, catalogue: Catalogue) -> str:
    """Return what takes all of it away, within one budget of the ledger's from its first wait.

    A trigger is taken off under a lock that stops all who use its table, until the end. So all
    tables are locked first.
    """
    lines = [held(locks_to_leave(plan))]
    switches = triggers_of(plan)
    lines += [f"DROP TRIGGER IF EXISTS {trigger} ON {table};" for trigger, table in switches]
    lines.append(question("record_leaving", plan, catalogue))
    if plan.holds:
        lines += [KEEP_TO_BUDGET, filled("give_up_holds", hold_values(plan.holds, catalogue))]
    lines.append(f"DROP INDEX IF EXISTS holdfast.{CARTS_INDEX};")
    lines += [f"DROP {kind} IF EXISTS holdfast.{what};" for kind, what in _OBJECTS]
    lines += map(_hook, _REPLACED)
    return "\n".join(lines) + "\n"


def holds_page_script(holds: Holds, catalogue: Catalogue) -> str:
    """Return what takes out a page of the rows of holds, of which there may be very many."""
    values = {**hold_values(holds, catalogue), "holds_at_once_max": str(HOLDS_AT_ONCE_MAX)}
    return f"{KEEP_TO_BUDGET}\n{filled('give_up_page', values)}"


def locks_to_leave(plan: Plan) -> list[tuple[str, str]]:
    """Return the tables to lock and how, in an order in which hardly anybody stands in a circle.

    A checkout that comes meanwhile looks for words, or claims its id, and waits there with nothing
    in hand. A transaction of the shop's that has begun goes on to its end, which needs its tables,
    then the ledger's stock, and a look at checkouts for the keys that refer to them.
    """
    tables = [table for _, table in triggers_of(plan)]
    shops = [table for table in (name(plan.stock.table), *tables) if table[0] == '"']
    ledgers = ["holdfast.stock_items", *(table for table in tables if table[0] != '"')]
    switched = dict.fromkeys(["holdfast.late_words", *shops, *ledgers])
    first, *others = ((table, "ACCESS EXCLUSIVE") for table in switched)
    return [first, ("holdfast.reservations", "SHARE ROW EXCLUSIVE"), *others]


def _hook(function: str) -> str:
    """Return the ledger's own form of a function that an adoption replaces."""
    text = (_HOOKS / f"{function}.sql").read_text(encoding="utf-8")
    return text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
