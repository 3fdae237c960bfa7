"""What nobody sees in a text, and what the text is without it."""

from __future__ import annotations

import time
import unicodedata

import pytest

from holdfast_client.contract.characters import (
    check_id,
    check_text,
    composed,
    on_one_line,
    trimmed,
    visible,
)

INVISIBLE = {
    "\u200b": "U+200B ZERO WIDTH SPACE",
    "\ufeff": "U+FEFF ZERO WIDTH NO-BREAK SPACE",
    "\u202e": "U+202E RIGHT-TO-LEFT OVERRIDE",
    "\u2066": "U+2066 LEFT-TO-RIGHT ISOLATE",
    "\u200f": "U+200F RIGHT-TO-LEFT MARK",
    "\u00ad": "U+00AD SOFT HYPHEN",
    "\u2060": "U+2060 WORD JOINER",
    "\u00a0": "U+00A0 NO-BREAK SPACE",
    "\u3000": "U+3000 IDEOGRAPHIC SPACE",
    "\u3164": "U+3164 HANGUL FILLER",
    "\ufe0f": "U+FE0F VARIATION SELECTOR-16",
    "\U000e0041": "U+E0041 TAG LATIN CAPITAL LETTER A",
    "\x07": "the control character U+0007",
}


@pytest.mark.parametrize(("character", "name"), INVISIBLE.items())
def test_what_is_invisible_in_an_id_is_named_with_its_place(character: str, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name.replace('+', '.')}.* as its character 4$"):
        check_id(f"MUG{character}01")


def test_every_format_character_is_either_refused_or_seen() -> None:
    # The signs of Arabic, Syriac, Kaithi and the hieroglyphs that enclose numbers and words.
    seen = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    seen |= set(range(0x13430, 0x13440))
    for number in set(range(0x110000)) - seen:
        if unicodedata.category(chr(number)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            with pytest.raises(ValueError, match=f"U.{number:04X}"):
                check_id(f"a{chr(number)}")


def test_letters_and_ordinary_spaces_are_fine() -> None:
    for text in ("MUG 01", "mug  01", "Tässe", "杯子-01", "كوب", "🍵", "§$%&/()=?*"):
        assert check_id(text) == text


def test_in_free_text_only_what_turns_round_the_rest_is_refused() -> None:
    fine = "soft\u00adhyphen, family \U0001f468\u200d\U0001f469, no-break\u00a0space"
    assert check_text(fine) == fine
    for bad in ("a\u202eb", "a\u2067b", "a\x00b", "a\nb", "a\u2028b", "a\ud800b"):
        with pytest.raises(ValueError, match="as its character 2"):
            check_text(bad)


def test_letters_and_their_accents_become_one_character() -> None:
    assert composed("Ta\u0308sse") == "T\u00e4sse" == composed("T\u00e4sse")
    assert composed("MUG-01") == "MUG-01"


def test_the_ends_are_freed_of_spaces_and_of_what_nobody_sees() -> None:
    assert trimmed("\ufeff\u00a0 MUG\u200b01 \u200b\t") == "MUG\u200b01"
    assert trimmed("\u00a0\u200b") == ""
    assert trimmed(" MUG ") == "MUG"


def test_a_cell_of_spaces_takes_no_longer_than_its_length() -> None:
    began = time.perf_counter()
    trimmed("a" + "\u00a0" * 131_000 + "b")
    assert time.perf_counter() - began < 5


def test_what_nobody_sees_is_written_out_where_somebody_reads() -> None:
    assert visible("a\u202eb\u200b") == "a\\u202eb\\u200b"
    assert on_one_line("a\tb\nc\u200b") == "a\\u0009b\\u000ac\u200b"
