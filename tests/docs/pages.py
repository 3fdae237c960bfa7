"""The written pages, taken apart: their code, their links, their tables, their headings."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

# A fence may stand in a list, with the indent of its entry.
_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Fenced code on a page."""

    page: str
    language: str
    code: str

    @property
    def opening(self) -> str:
        """Its first line, by which it is known."""
        return self.code.splitlines()[0]


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    def blocks(self, language: str) -> list[str]:
        """Return the fenced code of one language."""
        return [block.code for block in self.all_blocks() if block.language == language]

    def all_blocks(self) -> list[Block]:
        """Return all fenced code, in the order of the page."""
        return [
            Block(self.name, language, textwrap.dedent(code))
            for _, language, code in _FENCE.findall(self.text)
        ]

    def prose(self) -> str:
        """Return the page without its fenced code."""
        return _FENCE.sub("", self.text)

    def commands(self) -> list[str]:
        """Return what may be a command line: inline code, and the lines of shell blocks."""
        spans = _SPAN.findall(self.prose())
        lines = [line for block in self.blocks("sh") for line in block.splitlines()]
        return [fragment.split("#")[0].strip() for fragment in (*spans, *lines)]

    def links(self) -> list[str]:
        """Return the targets of links and images that are no web addresses."""
        targets = _LINK.findall(self.prose())
        return [target for target in targets if "://" not in target]

    def anchors(self) -> set[str]:
        """Return what a link can point to in this page, as GitHub derives it from the headings."""
        headings = _HEADING.findall(self.prose())
        plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
        return {heading.replace(" ", "-") for heading in plain}

    def rows(self, first_cell: str) -> list[list[str]]:
        """Return the cells of the table rows whose first cell matches a pattern."""
        lines = (line for line in self.text.splitlines() if line.startswith("| "))
        rows = [[cell.strip() for cell in line[1:].rstrip(" |").split("|")] for line in lines]
        return [row for row in rows if re.fullmatch(first_cell, row[0])]


def page(name: str) -> Page:
    return Page(ROOT / name)


PAGES: Final = tuple(
    Page(path)
    for path in sorted(
        (
            *ROOT.glob("*.md"),
            *(ROOT / "docs").rglob("*.md"),
            *(ROOT / "client").glob("*.md"),
            *(ROOT / "schemas").glob("*.md"),
            *(ROOT / "examples").glob("*/*.md"),
        )
    )
)
