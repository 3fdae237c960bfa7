"""What a measurement is made of: a case, its contenders, and what one round reads.

A *case* is one question, such as "how fast is a whole checkout?". Its *contenders* do the same
job, each in its way, at one *setting* after another, such as "20 at once". The rounds of the
contenders take turns, so that whatever else the machine does meets all of them alike, and what
counts is the median of the rounds. An *audit* of each contender ends the case: figures of a
contender that lost count are no figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from benchmarks.results import CaseResult

# Where a contender has but one way to be run.
ONLY_SETTING: Final = ""
ScaleName = Literal["full", "quick", "smoke"]
_ChoiceT = TypeVar("_ChoiceT")


class CaseFailed(Exception):
    """What a case is about did not come about, so there is nothing to measure."""


class AuditFailed(CaseFailed):
    """A contender that claims to keep count did not, so no figure of the run counts."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: ``full`` for the record, ``quick`` for a look, ``smoke`` for CI."""

    name: ScaleName

    def pick(self, full: _ChoiceT, quick: _ChoiceT, smoke: _ChoiceT) -> _ChoiceT:
        """Return what belongs to this scale."""
        return {"full": full, "quick": quick, "smoke": smoke}[self.name]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value that one round, or one audit, has read."""

    figure: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class View:
    """One table of a case's figures: which of them, side by side."""

    title: str
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that was set before anything was measured, and what was measured.

    ``value`` is None where the run did not measure it.
    """

    text: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Say whether it was measured and met."""
        if self.value is None:
            return False
        low, high = self.at_least, self.at_most
        return (low is None or self.value >= low) and (high is None or self.value <= high)


class Contender(Protocol):
    """One way to do a case's job.

    ``name`` is how readers know it, such as ``Holdfast`` or ``SELECT FOR UPDATE``.
    """

    name: str

    def prepare(self) -> None:
        """Make ready and warm up; not measured. Called once."""

    def run(self, setting: str, round: int) -> Sequence[Reading]:
        """Do the job once at a setting and return what was read.

        Args:
            setting: one of the case's.
            round: 0 and up, for ids that no other round uses.
        """

    def audit(self) -> Sequence[Reading]:
        """Check what is left when all rounds are over.

        Returns:
            What a peer is to be reported with, such as oversold units; usually nothing.

        Raises:
            AuditFailed: it claims to keep count, and did not.
        """


class Case(Protocol):
    """One question, asked of several contenders.

    ``name`` is the word for ``--only``; ``title`` its heading, a plain sentence or name;
    ``about`` says in a sentence or two how the figures are got. ``views`` are its tables in
    the terminal; figures that no view names stand in the JSON alone. ``page_figures`` are what the
    page shows of it.
    """

    name: str
    title: str
    about: str
    views: Sequence[View]
    page_figures: Sequence[str]

    def settings(self, scale: Scale) -> Sequence[str]:
        """Return the settings, in order; ``(ONLY_SETTING,)`` where there is but one."""

    def rounds(self, scale: Scale) -> int:
        """Return how many rounds each contender runs at each setting."""

    def open(
        self, directory: Path, scale: Scale, announce: Callable[[str], None]
    ) -> AbstractContextManager[Sequence[Contender]]:
        """Start what the contenders need, lend them, and stop it all when the block ends.

        Args:
            directory: for servers and files, there and empty; removed afterwards.
            scale: how much is measured.
            announce: told what is going on, in a few words.
        """

    def bars(self, result: CaseResult) -> Sequence[Bar]:
        """Return the bars that this case answers to."""
