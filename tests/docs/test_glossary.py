"""The words of the glossary are those of the code, and the words that it rules out stay out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from activities.inventory.allocation import wants
from tests.docs.pages import ROOT, page

PAGE: Final = page("docs/glossary.md")
ROOMS: Final = (
    *("activities", "benchmarks", "client", "docs", "examples", "schemas", "soak", "tests"),
    *("worker", "workflows"),
)
KINDS: Final = {".py", ".sql", ".md", ".json"}
# Names under which anything could stand, and those that were given up for the field's.
OPAQUE: Final = {
    *("utils", "util", "helpers", "misc", "common", "base", "manager", "core", "stuff"),
    *("story", "measures", "instruments", "telemetry", "changes"),
}
# As the SDK has it: an argument and its type.
SDK: Final = re.compile(r"\btelemetry=|TelemetryConfig")


def files() -> list[Path]:
    """Return what people write and read here, but this test and the glossary."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in KINDS)
    own = {PAGE.path, Path(__file__)}
    return [*(path for path in found if path not in own), *ROOT.glob("[A-BD-Z]*.md")]


def column(first: str, of: int = 0) -> list[str]:
    """Return a column of the tables whose head begins with this word."""
    sections = re.split(r"^## ", PAGE.text, flags=re.MULTILINE)[1:]
    rows = [
        line.split("|")
        for section in sections
        if f"| {first} |" in section
        for line in section.splitlines()
        if line.startswith("| ") and not line.startswith(f"| {first} |")
    ]
    return [row[of + 1].strip() for row in rows]


WORDS_OUT: Final = column("not")


def test_every_term_stands_once_with_one_short_sentence():
    terms, meanings = column("term"), column("term", of=1)
    assert len(terms) > 40  # else the page is read wrong
    assert len(terms) == len(set(terms))
    assert [each for each in meanings if not each or "." in each] == []


@pytest.mark.parametrize("word", WORDS_OUT)
def test_a_word_that_is_ruled_out_is_used_nowhere(word: str):
    forms = word.removesuffix("y") + "(?:y|ies)" if word.endswith("y") else f"{word}s?"
    pattern = re.compile(rf"\b{forms}\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files()
        for line in SDK.sub("", path.read_text("utf-8")).splitlines()
        if pattern.search(line.replace("_", " "))
    ]
    assert found == []


def test_every_term_is_a_word_of_the_code_or_its_pages():
    text = "\n".join(path.read_text("utf-8") for path in files()).lower().replace("_", " ")
    unused = [term for term in column("term") if not re.search(rf"\b{term.lower()}", text)]
    assert unused == []


def test_what_the_rule_reads_and_tells_has_the_glossarys_names():
    for term in ("want", "pick", "shortfall"):
        assert term in column("term")
        assert hasattr(wants, term.title())


def test_every_verb_of_the_glossary_has_a_file_of_its_own():
    terms = dict(zip(column("term"), column("term", of=1), strict=True))
    verbs = terms["verb"].partition(": ")[2].split(", ")
    operations = {path.stem for path in (ROOT / "activities/inventory/operations").glob("*.py")}
    assert verbs
    assert set(verbs) <= operations


def test_no_module_has_a_name_under_which_anything_could_stand():
    named = [path for path in files() if path.suffix == ".py" and path.stem in OPAQUE]
    assert named == []
