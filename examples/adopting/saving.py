"""Makes Django write what was changed and nothing else: ``save()``, and the forms of the admin.

Django writes every column, with the values of when the object was read; put ``SavesWhatChanged``
before ``models.Model``. A form of the admin posts every field, with the values of when its page was
opened, and Django reads the row anew before it compares: it takes what others have bought since for
something typed. Put ``SavesWhatWasTyped`` before ``ModelAdmin``; nothing else changes.
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
            update_fields = changed | _touched(self)
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


class SavesWhatWasTyped:
    """A mixin for the admin of models whose rows others write too.

    Its pages carry what each field said when they were opened, and only what differs from that was
    typed.
    """

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        options.setdefault("show_hidden_initial", not db_field.auto_created)
        return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=set(form.changed_data) | _touched(obj))
        else:
            super().save_model(request, obj, form, change)  # type: ignore[misc]


def _touched(obj: Any) -> set[str]:
    """Return the fields that `save()` sets to now, so that caches see it."""
    fields = obj._meta.concrete_fields
    return {field.name for field in fields if getattr(field, "auto_now", False)}
