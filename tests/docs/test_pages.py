"""What the pages name is there: files, headings, make targets, commands and their options."""

from __future__ import annotations

import re
from typing import Final

import pytest
from typer.testing import CliRunner

from holdfast_client.cli import main
from tests.docs.pages import PAGES, ROOT, Page, page
from worker.commands import app

# Commands that have commands of their own.
GROUPS: Final = {"refunds"}
OPTION: Final = re.compile(r"(?<!\S)--[a-z-]+")
TIMELINE: Final = ROOT / "docs/images/timeline.png"
IMAGE_BYTES_MAX: Final = 200_000
PNG: Final = b"\x89PNG\r\n\x1a\n"

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pages
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Page):
    broken = []
    for link in page.links():
        name, _, anchor = link.partition("#")
        target = Page((page.path.parent / name).resolve()) if name else page
        if not target.path.exists() or (anchor and anchor not in target.anchors()):
            broken.append(link)
    assert not broken


@pages
def test_every_make_target_that_is_named_exists(page: Page):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {found for c in page.commands() for found in re.findall(r"^make ([a-z-]+)", c)}
    assert named <= targets


@pages
def test_every_worker_command_and_option_that_is_named_exists(page: Page):
    for command in page.commands():
        if match := re.match(r"(?:\S*/)?python -m worker\b(.*)", command):
            words = _leading_words(match[1])
            told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
            assert told.exit_code == 0, command
            assert _missing(command, told.output) == [], command


@pages
def test_every_holdfast_command_and_option_that_is_named_exists(
    page: Page, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "200")
    for command in page.commands():
        if match := re.match(r"(?:\S*/)?holdfast ([a-z].*)", command):
            words = _leading_words(match[1])
            named = words[:2] if words[0] in GROUPS else words[:1]
            assert main([*named, "--help"]) == 0, command
            assert _missing(command, capsys.readouterr().out) == [], command


def test_the_contract_names_every_command_there_is():
    contract = page("docs/contract.md").text
    known = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    named = set(re.findall(r"`python -m worker ([a-z]+)", contract))
    offered = set(re.findall(r"^  ([a-z]+) {2,}", known.partition("Commands:")[2], re.MULTILINE))
    assert offered
    assert named == offered


def test_the_timeline_is_a_small_picture():
    picture = TIMELINE.read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) < IMAGE_BYTES_MAX


def _leading_words(rest: str) -> list[str]:
    """Return the names of commands that lead: lower-case words, up to the first that is none."""
    words = []
    for word in rest.split():
        if not re.fullmatch(r"[a-z]+", word):
            break
        words.append(word)
    return words


def _missing(command: str, help_text: str) -> list[str]:
    return [option for option in OPTION.findall(command) if option not in help_text]
