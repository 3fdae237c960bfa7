"""Makes Django write what was changed and nothing else: ``save()``, and the forms of the admin.

Django writes every column, with the values of when the object was read: put ``SavesWhatChanged``
before ``models.Model``. A page of the admin sends every field, with the values of when it was
opened: put ``SavesWhatWasTyped`` before ``ModelAdmin``, and before the class of an inline.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.forms import ModelForm

# By database and column, what is known to be there.
Known = Mapping[tuple[str, str], bytes | None]


class SavesWhatChanged:
    """A mixin for models whose rows others write too.

    It leaves out of an UPDATE what is as it was read from that row, or written to it and committed.
    What is not known is saved, and so is what ``update_fields`` names. Signals, ``auto_now`` and
    ``F()`` are as ever. An object that was read in a transaction that is rolled back must be read
    again.
    """

    # Never changed in place: copies of an object share it.
    _known: Known = MappingProxyType({})

    # What is ignored below is Django's: no type checker knows the model that this stands beside.
    @classmethod
    def from_db(cls, db: str, field_names: Any, values: Any) -> Any:
        instance = super().from_db(db, field_names, values)  # type: ignore[misc]
        instance._known = instance._pictures(db, instance._meta.concrete_fields)
        return instance

    def refresh_from_db(self, using: Any = None, fields: Any = None, **options: Any) -> None:
        """Read as ever, all or some; Django reads deferred fields by it too."""
        fields = fields if fields is None else set(fields)
        super().refresh_from_db(using, fields, **options)  # type: ignore[misc]
        read = self._pictures(self._state.db, _named(self, fields))  # type: ignore[attr-defined]
        self._known = {**self._known, **read}

    def save(self, *args: Any, **options: Any) -> None:
        """Save as ever, but for what is known to be in the row already."""
        if options.get("update_fields") is not None:
            options["update_fields"] = asked = set(options["update_fields"])
            self._forget(field.attname for field in _named(self, asked))
        super().save(*args, **options)  # type: ignore[misc]

    def _do_update(self, rows: Any, using: str, key: Any, values: Any, *options: Any) -> Any:
        # Django asks this for each table, after signals and `pre_save`, which may change more.
        known, pk = self._known, rows.model._meta.pk
        wanted = {(using, field.attname): _picture(field, value) for field, _, value in values}
        if known.get((using, pk.attname)) == _picture(pk, key):
            wanted = {
                at: now for at, now in wanted.items() if not now or now != self._known.get(at)
            }
            values = [each for each in values if (using, each[0].attname) in wanted]
        self._forget(column for _, column in wanted)
        done = super()._do_update(rows, using, key, values, *options)  # type: ignore[misc]
        self._learn(using, wanted)
        return done

    def _save_table(self, raw: Any = False, cls: Any = None, *args: Any, **options: Any) -> Any:
        was_there = super()._save_table(raw, cls, *args, **options)  # type: ignore[misc]
        if not was_there:
            using = options.get("using") or args[2]
            self._learn(using, self._pictures(using, cls._meta.local_concrete_fields))
        return was_there

    def _learn(self, using: str, written: Known) -> None:
        """Know what was written, as soon as nothing can take it back."""
        connection = transaction.get_connection(using)
        if connection.in_atomic_block or connection.get_autocommit():
            connection.on_commit(lambda: setattr(self, "_known", {**self._known, **written}))

    def _forget(self, columns: Iterable[str]) -> None:
        gone = set(columns)
        self._known = {at: value for at, value in self._known.items() if at[1] not in gone}

    def _pictures(self, db: str, fields: Iterable[Any]) -> Known:
        loaded = vars(self)
        return {
            (db, field.attname): _picture(field, loaded[field.attname])
            for field in fields
            if field.attname in loaded
        }


class SavesWhatWasTyped:
    """A mixin for the admin of such models, its inlines and the lists that it edits.

    Its pages carry what each field said when they were opened. What was not typed is left as the
    row says now.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.form = _typed(self.form)  # type: ignore[has-type]

    def get_changelist_form(self, request: Any, **options: Any) -> Any:
        options = {**options, "form": _typed(options.get("form", ModelForm))}
        return super().get_changelist_form(request, **options)  # type: ignore[misc]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        options.setdefault("show_hidden_initial", not db_field.auto_created)
        return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]


class _TypedForm(ModelForm):
    def full_clean(self) -> None:
        """Take for what was not typed the value of now, as Django does for disabled fields."""
        left = []
        if self.is_bound and not self.instance._state.adding:
            typed = self.changed_data
            left = [
                field
                for name, field in self.fields.items()
                if field.show_hidden_initial and not field.disabled and name not in typed
            ]
        for field in left:
            field.disabled = True
        super().full_clean()
        for field in left:
            field.disabled = False


def _typed(form: Any) -> Any:
    return type(form.__name__, (_TypedForm, form), {})


def _named(instance: Any, names: set[str] | None) -> list[Any]:
    fields = instance._meta.concrete_fields
    return [each for each in fields if names is None or names & {each.name, each.attname}]


def _picture(field: Any, value: Any) -> bytes | None:
    """Return what a change of the value changes too; None of one that nobody here can know."""
    with suppress(Exception):
        if not hasattr(value, "resolve_expression"):
            return pickle.dumps(field.get_prep_value(value))
    return None
