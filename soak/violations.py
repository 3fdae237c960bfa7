"""The kinds of promises that can be broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "invariant broken",
    "answer contradicted",
    "fulfilled not once",
    "sold without payment",
    "payment lost",
    "payment settled twice",
    "refund not on record",
    "sold figures differ",
    "told over but holds",
    "database says otherwise",
    "hold ended early",
    "held for ever",
    "workflow task failed",
    "workflow still open",
    "interrupted by itself",
    "never answered",
    "forbidden error",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that was broken, about what, and how it shows."""

    kind: Kind
    subject: str
    finding: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}: {self.finding}"
