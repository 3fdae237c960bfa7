"""Shops with code of their own, run by their own frameworks, on the ledger's database."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.docs.pages import ROOT
from tests.limits import HANG_SECONDS
from tests.system_packages import skip_without

EXAMPLES: Final = ROOT / "examples" / "adopting"
_RAILS: Final = Path(__file__).parent / "rails_shop.rb"


class Refusal(Exception):
    """The shop's code raised this."""


class Shop:
    """A process that runs the shop's code, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, code: str) -> Any:
        """Run a line and return its value.

        Raises:
            Refusal: what the code raised.
        """
        self.begin(code)
        return self.answer()

    def begin(self, code: str) -> None:
        """Begin a line; its :meth:`answer` is to be read before the next."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for what was begun."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the shop's process has ended"
        answer = json.loads(line)
        if "raised" in answer:
            raise Refusal(answer["raised"])
        return answer["is"]


@contextmanager
def open_shop(letter: str, url: str) -> Iterator[Shop]:
    """Start a shop's own process on a database."""
    command, environment = _django(letter, url) if letter != "a" else _rails(url)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    try:
        yield Shop(process)
    finally:
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.wait(timeout=HANG_SECONDS)
        process.stdout.close()


def _django(letter: str, url: str) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, "-m", "tests.adoption.django_shop", letter, url]
    return command, {"PYTHONPATH": f"{ROOT}:{ROOT / 'client'}", "PATH": "/usr/bin:/bin"}


def need_rails() -> None:
    """Skip the test where Rails' database layer is not installed."""
    if not _has("active_record"):
        skip_without("ActiveRecord", "ruby-activerecord")
    if not _has("pg"):
        skip_without("Ruby's driver of Postgres", "ruby-pg")


def _rails(url: str) -> tuple[list[str], dict[str, str]]:
    need_rails()
    command = ["ruby", "-W0", str(_RAILS), str(EXAMPLES / "shop_a")]
    return command, {"SHOP_URL": url, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def _has(library: str) -> bool:
    asked = ["ruby", "-W0", "-e", f"require '{library}'"]
    return bool(shutil.which("ruby")) and not subprocess.call(asked, stderr=subprocess.DEVNULL)
