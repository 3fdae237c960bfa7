"""Ids of extensions: what the database can keep, and what is the same after a reset."""

from __future__ import annotations

import pytest

from holdfast_client.contract.messages import Extension
from workflows import extension_ids

RUN = "the first run"
WISH = Extension(seconds=600, reason="on the phone", actor="sam")


@pytest.mark.parametrize("update_id", ["a", "3f6c1c0e-2f5b", "x" * 200, "order/42:extend#1"])
def test_the_id_of_an_update_is_its_extensions_id(update_id: str):
    assert extension_ids.of_update(update_id) == update_id


@pytest.mark.parametrize(
    "update_id", ["", "x" * 201, "a b", "a\x00b", "a\n", "\ud800", "\u00fc" * 900]
)
def test_an_update_id_that_the_database_could_not_keep_is_told_by_a_digest(update_id: str):
    kept = extension_ids.of_update(update_id)
    assert kept.startswith("update-")
    assert kept == extension_ids.of_update(update_id)
    assert kept.isascii()
    assert len(kept) <= 200


def test_update_ids_that_differ_late_are_kept_apart():
    assert extension_ids.of_update("x" * 201) != extension_ids.of_update("x" * 202)


@pytest.mark.parametrize(
    ("ordinal", "wish"),
    [
        (2, WISH),
        (1, WISH.model_copy(update={"seconds": 601})),
        (1, WISH.model_copy(update={"reason": ""})),
        (1, WISH.model_copy(update={"actor": "sue"})),
    ],
)
def test_signals_differ_by_their_place_and_by_what_they_ask(ordinal: int, wish: Extension):
    first = extension_ids.of_signal(RUN, 1, WISH)
    assert extension_ids.of_signal(RUN, 1, WISH.model_copy()) == first
    assert extension_ids.of_signal(RUN, ordinal, wish) != first
    assert extension_ids.of_signal("another", 1, WISH) != first
