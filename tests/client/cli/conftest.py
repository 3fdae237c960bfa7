"""A terminal to type commands into: ``holdfast`` runs them against a shop in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdfast_client.cli import main
from holdfast_client.cli.session import Settings
from holdfast_client.fake.client import FakeReservationClient
from holdfast_client.methods.reservations import Reservations


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def facts(self) -> dict[str, str]:
        """The plain lines of two cells, by name."""
        cells = [line.split("\t") for line in self.out.splitlines()]
        return {line[0]: line[1] for line in cells if len(line) == 2}

    def rows(self, name: str) -> list[list[str]]:
        """The cells of the plain lines of one table."""
        cells = [line.split("\t") for line in self.out.splitlines()]
        return [line[1:] for line in cells if line[0] == name]


@dataclass
class Terminal:
    """Runs commands; ``settings`` are those of the last one that connected."""

    shop: FakeReservationClient
    capture: pytest.CaptureFixture[str]
    settings: list[Settings] = field(default_factory=list)

    def __call__(self, *words: str) -> Ran:
        self.capture.readouterr()
        code = main(words, connect=self._connect)
        captured = self.capture.readouterr()
        return Ran(code, captured.out, captured.err)

    async def _connect(self, settings: Settings) -> Reservations:
        self.settings.append(settings)
        return self.shop


@pytest.fixture
def shop() -> FakeReservationClient:
    return FakeReservationClient({"MUG-01": 10, "CUP-09": 3})


@pytest.fixture
def holdfast(shop: FakeReservationClient, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(shop, capsys)
