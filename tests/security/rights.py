"""What the ledger says that a role may do beyond its work."""

from __future__ import annotations

from activities.inventory.database.engine import open_engine
from activities.inventory.database.rights.excess_rights import read_role_rights


def rights_of(url: str, role: str | None = None) -> dict[str, str]:
    """Return the remedies by right; of the URL's own role if none is named."""
    engine = open_engine(url, connections_max=1)
    try:
        return {each.right: each.remedy for each in read_role_rights(engine, role).excess}
    finally:
        engine.dispose()
