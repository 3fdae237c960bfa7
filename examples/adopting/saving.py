"""Makes ``save()`` of a Django model write what was changed, and nothing else.

Django writes every column, with the values of when the object was read. A form that stood open
while others bought would so set stock back. Put the mixin before ``models.Model``; nothing else
changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class SavesWhatChanged:
    """A mixin for models whose rows others write too."""

    # What is ignored below is Django's: no type checker knows the model that this stands beside.
    _read: dict[str, Any]

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any) -> Any:
        instance = super().from_db(db, field_names, values)  # type: ignore[misc]
        instance._read = instance._now()
        return instance

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Save as ever where it is new, and else only the fields that differ from what was read."""
        known = getattr(self, "_read", None)
        if known is not None and update_fields is None and not args and not options:
            now = self._now()
            changed = {name for name, value in now.items() if known.get(name) != value}
            # As `save()` does, so that caches see it.
            touched = {
                field.name
                for field in self._meta.concrete_fields  # type: ignore[attr-defined]
                if getattr(field, "auto_now", False)
            }
            update_fields = changed | touched
        super().save(*args, update_fields=update_fields, **options)  # type: ignore[misc]
        self._read = self._now()

    def refresh_from_db(self, *args: Any, **options: Any) -> None:
        super().refresh_from_db(*args, **options)  # type: ignore[misc]
        self._read = self._now()

    def _now(self) -> dict[str, Any]:
        deferred = self.get_deferred_fields()  # type: ignore[attr-defined]
        return {
            field.name: getattr(self, field.attname)
            for field in self._meta.concrete_fields  # type: ignore[attr-defined]
            if field.attname not in deferred
        }
