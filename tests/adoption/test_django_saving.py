"""The mixins of the examples save what was changed, lose nothing of it, and undo no sale."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adoption.conftest import as_shop
from tests.adoption.shops import Shop, open_shop
from tests.inventory.databases import fresh_database


@pytest.fixture(scope="module")
def process(postgres_url: str) -> Iterator[Shop]:
    """A shop's process with the models of :mod:`tests.adoption.saved_things`."""
    with fresh_database(postgres_url) as url, open_shop("c", as_shop(url)) as code:
        code("migrate()")
        code("from tests.adoption.saved_things import *")
        code("from tests.adoption.saved_pages import *")
        code("make_tables()")
        yield code


@pytest.fixture
def run(process: Shop) -> Shop:
    """A thing that is read as `o`, of which four are sold afterwards."""
    process("import asyncio, copy; from django.db import transaction")
    process("begin()")
    process("o = get(); pk = o.pk")
    process("sell(pk)")
    return process


def row(run: Shop) -> tuple[str, int, str, object]:
    name, quantity, note, more = run("row(pk)")
    return name, quantity, note, more


SOLD = 6
MORE = {"k": [1]}


@pytest.mark.parametrize(
    "save",
    [
        "o.save()",
        "o.save(using='default')",
        "o.save(force_update=True)",
        "asyncio.run(o.asave())",
        "o = pickled(o); o.save()",
        "o = copy.copy(o); o.save()",
        "o = copy.deepcopy(o); o.save()",
        "o.save(); o.save()",
        "o.save(); o.refresh_from_db(fields=['note']); o.save()",
    ],
)
def test_what_was_changed_is_saved_and_a_sale_meanwhile_stays(run: Shop, save: str):
    run("o.name = 'b'")
    run(save)
    assert row(run) == ("b", SOLD, "", MORE)


def test_a_save_of_nothing_undoes_nothing_and_sets_the_time(run: Shop):
    run("before = o.updated_at")
    run("o.save()")
    assert row(run) == ("a", SOLD, "", MORE)
    assert run("Thing.objects.get(pk=pk).updated_at > before")


@pytest.mark.parametrize(
    "between",
    [
        "o.refresh_from_db(fields=['quantity'])",
        "o.refresh_from_db(None, ['quantity'])",
        "asyncio.run(o.arefresh_from_db(fields=['quantity']))",
        "o.save(update_fields=['note'])",
        "o.save(update_fields=iter(['note']))",
    ],
)
def test_a_change_outlives_what_reads_or_saves_another_field(run: Shop, between: str):
    run("o.name = 'b'")
    run(between)
    run("o.save()")
    assert row(run) == ("b", SOLD, "", MORE)


def test_a_change_outlives_the_reading_of_a_deferred_field(run: Shop):
    run("o = Thing.objects.only('name').get(pk=pk)")
    run("o.name = 'b'")
    run("o.quantity")
    run("Thing.objects.filter(pk=pk).update(quantity=3)")
    run("o.save()")
    assert row(run) == ("b", 3, "", MORE)


def test_a_deferred_field_that_is_set_unread_is_saved(run: Shop):
    run("o = Thing.objects.only('name').get(pk=pk)")
    run("o.note = 'new'")
    run("o.save()")
    assert row(run) == ("a", SOLD, "new", MORE)


def test_a_field_that_is_named_is_saved_even_as_it_was_read(run: Shop):
    run("o.save(update_fields=['quantity'])")
    assert row(run) == ("a", 10, "", MORE)


def test_what_is_changed_in_place_is_saved(run: Shop):
    run("o.more['k'].append(2)")
    run("o.save()")
    assert row(run) == ("a", SOLD, "", {"k": [1, 2]})
    run("o.more['k'][0] = True")  # which Python calls equal to 1
    run("o.save()")
    assert row(run) == ("a", SOLD, "", {"k": [True, 2]})


def test_an_expression_is_computed_by_the_database_each_time(run: Shop):
    """As Django's own `save()` does: the object keeps the expression."""
    run("o.quantity = F('quantity') + 1")
    run("o.save(); o.save()")
    assert row(run) == ("a", SOLD + 2, "", MORE)


def test_what_receivers_of_signals_change_is_saved_and_they_are_told_as_ever(run: Shop):
    run("named_by_a_signal(o)")
    assert row(run) == ("a", SOLD, "heard", MORE)
    assert run("told_of(o)") == [None]


def test_a_new_object_is_saved_whole_and_then_by_its_changes(run: Shop):
    run("new = Thing(name='new', quantity=10); new.save(); pk = new.pk")
    run("sell(pk)")
    run("new.note = 'x'")
    run("new.save()")
    assert row(run) == ("new", SOLD, "x", {})
    run("new.pk = None; new._state.adding = True; new.save(); pk = new.pk")
    assert row(run) == ("new", 10, "x", {})
    run("again = Thing(pk=pk, name='again', quantity=1); again.save()")
    assert row(run) == ("again", 1, "", {})
    run("Thing(name='forced', quantity=2).save(force_insert=True)")
    assert run("Thing.objects.get(name='forced').quantity") == 2


def test_an_object_that_is_saved_in_place_of_another_row_writes_all_of_it(run: Shop):
    run("other = Thing.objects.create(name='other', quantity=1); pk = other.pk")
    run("o.pk = pk; o.save()")
    assert row(run) == ("a", 10, "", MORE)


def test_a_row_that_is_gone_is_made_again(run: Shop):
    run("Thing.objects.filter(pk=pk).delete()")
    run("o.save()")
    assert row(run) == ("a", 10, "", MORE)


ROLLED_BACK = """
try:
    with transaction.atomic():
        o.name = 'b'
        o.save()
        raise LookupError
except LookupError:
    pass
"""


def test_what_was_rolled_back_is_saved_by_the_next_try(run: Shop):
    run(ROLLED_BACK)
    assert row(run) == ("a", SOLD, "", MORE)
    run("o.save()")
    assert row(run) == ("b", SOLD, "", MORE)


CHANGED_BACK = """
with transaction.atomic():
    o.name = 'b'
    o.save()
    o.name = 'a'
    o.save()
"""


def test_what_is_changed_and_changed_back_in_one_transaction_is_as_it_was(run: Shop):
    run(CHANGED_BACK)
    assert row(run) == ("a", SOLD, "", MORE)
    run("sell(pk)")
    run("o.note = 'x'; o.save()")
    assert row(run) == ("a", SOLD, "x", MORE)


def test_where_transactions_are_the_shops_own_nothing_fails_or_is_lost(run: Shop):
    run("transaction.set_autocommit(False)")
    run("o.name = 'b'; o.save(); o.name = 'c'; o.save(); transaction.commit()")
    run("transaction.set_autocommit(True)")
    assert row(run) == ("c", SOLD, "", MORE)


def test_a_file_is_saved_where_another_was_chosen(run: Shop):
    run("o.paper = 'bill.pdf'; o.save()")
    run("Thing.objects.filter(pk=pk).update(paper='other.pdf')")
    run("o.note = 'x'; o.save()")
    assert run("Thing.objects.get(pk=pk).paper.name") == "other.pdf"


@pytest.mark.parametrize("model", ["ThingAsSeen", "BigThing"])
def test_proxies_and_heirs_of_a_model_save_what_was_changed(run: Shop, model: str):
    run(f"o = get({model}); pk = o.pk; sell(pk)")
    run("o.note = 'x'")
    run("o.save()")
    assert row(run)[1:3] == (SOLD, "x")


def test_an_heir_saves_the_column_that_is_its_own(run: Shop):
    run("o = get(BigThing); pk = o.pk; sell(pk)")
    run("o.weight = 2; o.save()")
    assert run("BigThing.objects.get(pk=pk).weight") == 2
    assert row(run)[1] == SOLD


def test_a_copy_knows_nothing_of_what_the_other_saved(run: Shop):
    run("twin = copy.copy(o)")
    run("o.name = 'b'; o.save()")
    run("twin.note = 'x'; twin.save()")
    assert row(run) == ("b", SOLD, "x", MORE)


def test_a_page_of_the_admin_saves_what_was_typed(run: Shop):
    """With a field of many to many, one that is not of the model, and one that `clean` makes."""
    run("begin(); o = get(); pk = o.pk; tag = Tag.objects.create(name='t')")
    run("tab = opened(pk)")
    run("sell(pk)")
    assert run("send(pk, tab | {'name': 'b', 'tags': [tag.pk], 'reason': 'asked'})") == 302
    assert row(run) == ("b", SOLD, "B", MORE)
    assert run("list(Thing.objects.get(pk=pk).tags.values_list('name', flat=True))") == ["t"]


def test_a_page_of_the_admin_that_is_wrong_can_be_typed_again(run: Shop):
    run("begin(); o = get(); pk = o.pk")
    run("tab = opened(pk)")
    run("sell(pk)")
    assert run("send(pk, tab | {'name': ''})") == 200
    assert run("send(pk, tab | {'name': 'b'})") == 302
    assert row(run) == ("b", SOLD, "B", MORE)
    assert run("send(pk, tab | {'quantity': 12})") == 302
    assert row(run)[:2] == ("b", 12)


def test_an_inline_saves_what_was_typed(run: Shop):
    run("begin(); o = get(); pk = o.pk")
    run("tab = opened(pk)")
    run("Part.objects.update(quantity=6)")
    assert run("send(pk, tab | {'part_set-0-note': 'x', 'part_set-1-quantity': 3})") == 302
    parts = "list(Part.objects.order_by('pk').values_list('quantity', 'note'))"
    assert run(parts) == [[SOLD, "x"], [3, ""]]


def test_a_list_that_can_be_edited_saves_what_was_typed(run: Shop):
    run("begin(); o = get(); pk = o.pk")
    run("tab = opened_list()")
    run("sell(pk)")
    run("send_list(tab | {'form-0-name': 'b'})")
    assert row(run)[:2] == ("b", SOLD)


def test_without_the_mixin_a_page_and_a_list_of_before_undo_a_sale(run: Shop):
    """The positive control: Django takes what the row says now for the value of before."""
    run("begin(); o = get(); pk = o.pk")
    run("tab, listed = opened(pk, PlainAdmin), opened_list(PlainAdmin)")
    run("sell(pk)")
    run("send_list(listed | {'form-0-name': 'b'}, PlainAdmin)")
    assert row(run)[:2] == ("b", 10)
    run("sell(pk)")
    assert run("send(pk, tab | {'name': 'c'}, PlainAdmin)") == 302
    assert row(run)[:2] == ("c", 10)
