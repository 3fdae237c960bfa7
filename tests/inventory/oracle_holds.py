"""What the oracle keeps of a reservation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from activities.inventory.records import ClosingStatus
from tests.inventory.carts import Answer, Cart

SaidT = TypeVar("SaidT")

# A checkout, how it is to end, the payment that says so, and under which name; or neither.
Ending = tuple[str, ClosingStatus, str, str]


@dataclass
class Hold:
    """One reservation from its first mention on; ``cart`` is what is open, or was at the end."""

    answer: Answer
    cart: Cart = field(default_factory=dict)
    asked: tuple[Any, ...] | None = None
    opened: datetime | None = None
    party: str = "a"
    extended: list[str] = field(default_factory=list)
    shipped: Cart = field(default_factory=dict)
    released: Cart = field(default_factory=dict)
    parts: dict[tuple[str, str], object] = field(default_factory=dict)
    amended: dict[str, object] = field(default_factory=dict)
    # What was refused, by its kind and name: the verdict and what it was.
    refused: dict[tuple[str, str], tuple[Any, object]] = field(default_factory=dict)
    payment: str = ""
    # By which message about a payment what was decided.
    pauses: dict[tuple[str, str], object] = field(default_factory=dict)
    # Nobody waited for it any more, and it had not been heard of.
    abandoned: bool = False
    # One more where a late payment had it held again, and what it was before.
    attempt: int = 1
    before: Hold | None = None

    def refuse(self, kind: str, name: str, said: SaidT, asked: object = None) -> SaidT:
        """Put down what is refused for good, and return what is said of it."""
        self.refused[kind, name] = (said, asked)
        return said

    def said_of_part(self, kind: str, name: str, asked: object) -> str:
        """Return what was said of a part under its name; empty where nothing was."""
        made = {key: ("done", part) for key, part in self.parts.items()}
        said, known = (self.refused | made).get((kind, name), ("", asked))
        return str(said) if known == asked else "conflict"

    def has_extended(self, name: str) -> bool:
        """Say whether an extension was made, of this attempt or of one before."""
        return name in self.extended or (self.before is not None and self.before.has_extended(name))

    @property
    def told(self) -> datetime | None:
        """The deadline that the buyer was told."""
        deadline: datetime | None = self.answer.get("expires_at")
        return deadline

    @property
    def deadline(self) -> datetime | None:
        """When it ends: later where a payment is in flight."""
        return max(filter(None, (self.told, self.answer.get("paying_until"))), default=None)

    @property
    def is_open(self) -> bool:
        return self.answer["status"] in {"held", "committed"}
