"""Models of a shop that saves by the examples' mixins, for the process of such a shop."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, models
from django.db.models.signals import post_save, pre_save

from examples.adopting.saving import SavesWhatChanged


class Tag(models.Model):
    name = models.CharField(max_length=9)

    class Meta:
        app_label = "auth"


class Thing(SavesWhatChanged, models.Model):
    name = models.CharField(max_length=9)
    quantity = models.IntegerField(default=0)
    note = models.CharField(max_length=9, blank=True)
    more = models.JSONField(default=dict, blank=True)
    paper = models.FileField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)
    tags = models.ManyToManyField(Tag, blank=True)

    class Meta:
        app_label = "auth"


class ThingAsSeen(Thing):
    class Meta:
        app_label = "auth"
        proxy = True


class BigThing(Thing):
    weight = models.IntegerField(default=0)

    class Meta:
        app_label = "auth"


class Part(SavesWhatChanged, models.Model):
    thing = models.ForeignKey(Thing, on_delete=models.CASCADE)
    quantity = models.IntegerField(default=0)
    note = models.CharField(max_length=9, blank=True)

    class Meta:
        app_label = "auth"


MODELS: Final = (Tag, Thing, BigThing, Part)


def make_tables() -> None:
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)


def begin() -> None:
    """Let there be nothing but one thing, ten of it, and its part."""
    Part.objects.all().delete()
    Thing.objects.all().delete()
    Tag.objects.all().delete()
    thing = Thing.objects.create(name="a", quantity=10, more={"k": [1]})
    Part.objects.create(thing=thing, quantity=10)
    BigThing.objects.create(name="big", quantity=10, weight=1)


def get(model: Any = Thing) -> Any:
    return model.objects.get(name="big" if model is BigThing else "a")


def sell(pk: int) -> None:
    """Take four off, as somebody else does."""
    Thing.objects.filter(pk=pk).update(quantity=6)


def row(pk: int) -> list[Any]:
    return list(Thing.objects.filter(pk=pk).values_list("name", "quantity", "note", "more")[0])


@contextmanager
def heard(signal: Any, receiver: Callable[..., None]) -> Iterator[None]:
    signal.connect(receiver, sender=Thing)
    try:
        yield
    finally:
        signal.disconnect(receiver, sender=Thing)


def named_by_a_signal(thing: Any) -> None:
    """Save with a receiver that changes the object just before."""

    def receive(instance: Any, **_: Any) -> None:
        instance.note = "heard"

    with heard(pre_save, receive):
        thing.save()


def told_of(thing: Any) -> list[Any]:
    """Save, and return the fields that receivers are told of."""
    told = []
    with heard(post_save, lambda update_fields, **_: told.append(update_fields)):
        thing.save()
    return told


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))
