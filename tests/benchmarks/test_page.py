"""The page about performance says what the record says."""

from __future__ import annotations

from benchmarks.catalogue import all_cases
from benchmarks.page import block_names, filled
from benchmarks.record import PAGE, PICTURE, read_record

PICTURE_BYTES_MAX = 300_000


def test_every_figure_of_the_page_is_on_record():
    record = read_record()
    assert record is not None
    assert filled(PAGE.read_text(), record, all_cases()) == PAGE.read_text()


def test_every_case_has_its_place_on_the_page():
    names = {case.name for case in all_cases()}
    assert set(block_names(PAGE.read_text())) == names | {"machine", "bars"}


def test_the_picture_is_a_small_drawing():
    picture = PICTURE.read_text()
    assert "<svg" in picture
    assert len(picture) < PICTURE_BYTES_MAX
