"""No block of code on any page is left that nobody runs."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable
from typing import Any, Final, get_args

import pytest
import yaml

from holdfast_client.contract.outcomes import CheckoutStatus, PaymentState
from tests.docs.blocks import CANNOT_RUN, RUN_BY
from tests.docs.pages import PAGES, ROOT, Block, page
from tests.limits import HANG_SECONDS

BLOCKS: Final = [block for each in PAGES for block in each.all_blocks()]


def commands(block: Block) -> list[list[str]]:
    """Return the words of each command of a shell block."""
    found, pending = [], ""
    for line in block.code.replace("\\\n", " ").replace("&&\n", "\n").splitlines():
        pending += f"{line}\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:
            continue  # within quotes that the next line closes
        pending = ""
        if words:
            found.append(words)
    assert not pending, f"quotes that nothing closes: {pending}"
    return found


def programs(block: Block) -> set[str]:
    return {words[0] for words in commands(block)} if block.language == "sh" else set()


def only_makes(block: Block) -> bool:
    return programs(block) == {"make"}


def cannot_run(block: Block) -> bool:
    return bool(programs(block) & CANNOT_RUN.keys())


def owners(block: Block) -> list[str]:
    """Return the tests that run a block, by the registry."""
    return [
        test
        for (name, opening), test in RUN_BY.items()
        if name == block.page and block.opening.startswith(opening)
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.opening}")
def test_every_block_is_run_by_a_test(block: Block):
    if not (only_makes(block) or cannot_run(block)):
        assert owners(block), "nobody runs it: write a test that does, and name it in blocks.py"


def test_every_test_that_is_named_is_there_and_reads_the_page():
    wrong = []
    for (name, opening), test in RUN_BY.items():
        path, _, function = test.partition("::")
        text = (ROOT / path).read_text()
        reads = name in text or "docs.pages import PAGES" in text or f"examples/{name}" in text
        is_there = re.search(rf"^(?:async )?def {function}\(", text, re.MULTILINE)
        if not (is_there and (reads or name.startswith("examples/"))):
            wrong.append((name, opening, test))
    assert wrong == []


def test_no_entry_is_left_of_a_block_that_is_gone():
    known = {
        (name, opening)
        for name, opening in RUN_BY
        for block in BLOCKS
        if block.page == name and block.opening.startswith(opening)
    }
    assert RUN_BY.keys() - known == set()


def test_no_code_stands_outside_a_fence():
    """An indented line after an empty one is code to Markdown too; in a list it is prose."""
    found = [
        (each.name, line)
        for each in PAGES
        for line in re.findall(r"(?<=\n\n)    \S.*", each.prose())
        if not re.search(r"^(?:\d+\.|[-*]) ", each.prose(), re.MULTILINE)
    ]
    assert found == []


@pytest.mark.parametrize("block", [*filter(only_makes, BLOCKS)], ids=lambda block: block.page)
def test_what_is_made_can_be_made(block: Block):
    """Each takes minutes; what a target calls is run by tests of its own."""
    makefile = (ROOT / "Makefile").read_text()
    for _, target, *settings in commands(block):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for setting in settings:
            assert f"$({setting.partition('=')[0]})" in makefile, setting


@pytest.mark.parametrize("block", [*filter(cannot_run, BLOCKS)], ids=lambda block: block.opening)
def test_what_cannot_run_here_names_what_is_there(block: Block):
    subprocess.run(["bash", "-n", "-c", block.code], check=True, timeout=HANG_SECONDS)
    for words in commands(block):
        if words[:2] == ["docker", "compose"]:
            assert services_named(words) <= _compose()["services"].keys(), words
        elif words[0] == "kubectl":
            assert objects_named(words) <= _kubernetes_objects(), words
            assert all((ROOT / file).exists() for file in words if file.endswith(".yaml")), words
        elif words[0] == "sh":
            assert (ROOT / words[1]).exists(), words


def test_the_drawings_of_the_lifecycle_use_its_words():
    states, sequence, payments = page("docs/lifecycle.md").blocks("mermaid")
    for drawing, words in ((states, CheckoutStatus), (payments, PaymentState)):
        drawn = set(re.findall(r"^ *(\w+) -->|--> (\w+)", drawing, re.MULTILINE))
        assert {word for pair in drawn for word in pair if word} == set(get_args(words))
    members = re.findall(r"^ *participant (\w) as ", sequence, re.MULTILINE)
    spoken = re.findall(r"^ *(\w)-+>>(\w):", sequence, re.MULTILINE)
    assert {member for pair in spoken for member in pair} == set(members)


def services_named(words: list[str]) -> set[str]:
    """Return the services of a ``docker compose`` command: what is no option and no command."""
    takes_services = {"up", "build", "stop", "start", "restart", "logs"}
    takes_one = {"exec", "run"}
    verb = next(word for word in words if word in takes_services | takes_one)
    rest = [word for word in words[words.index(verb) + 1 :] if not word.startswith("-")]
    return set(rest if verb in takes_services else rest[:1])


def objects_named(words: Iterable[str]) -> set[str]:
    return {word for word in words if re.fullmatch(r"(?:job|deployment)/\S+", word)}


def _compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def _kubernetes_objects() -> set[str]:
    files = (ROOT / "deploy/kubernetes").glob("*.yaml")
    objects = (each for file in files for each in yaml.safe_load_all(file.read_text()) if each)
    return {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in objects}
