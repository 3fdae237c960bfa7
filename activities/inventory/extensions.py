"""Which extensions are made: a pure decision on what was read under the locks.

Each wish is decided by itself, in the order given: what one has moved is where the next begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from activities.inventory.records import ExtensionVerdict, HoldExtension
from holdfast_client.fields import HOLD_SECONDS_MAX


@dataclass(frozen=True, slots=True)
class ExtensibleHold:
    """What decides on an extension of one reservation.

    ``deadline`` is None unless it is held. ``made`` are the ids of the extensions on record.
    """

    created_at: datetime
    deadline: datetime | None
    made: frozenset[str]


@dataclass(frozen=True, slots=True)
class MadeExtension:
    """An extension to be recorded, and the deadline that it moves from and to."""

    extension: HoldExtension
    from_deadline: datetime
    to_deadline: datetime


@dataclass(frozen=True, slots=True)
class ExtensionDecisions:
    """The verdict on each wish, in their order, and those that are to be made.

    ``seconds_max`` says of each how many seconds the hold could still have been extended by when it
    was decided; None where there was no live hold.
    """

    verdicts: tuple[ExtensionVerdict, ...]
    seconds_max: tuple[int | None, ...]
    made: tuple[MadeExtension, ...]


def decide_extensions(
    extensions: Sequence[HoldExtension],
    holds: Mapping[str, ExtensibleHold],
    at: datetime,
    hold_seconds_cap: int,
) -> ExtensionDecisions:
    """Decide a batch.

    Args:
        extensions: in the order in which they count.
        holds: by reservation id, one for each that is meant.
        at: the ledger's clock, read under the locks.
        hold_seconds_cap: how long a hold may last in all, in seconds.
    """
    now = dict(holds)
    cap = timedelta(seconds=hold_seconds_cap)
    verdicts: list[ExtensionVerdict] = []
    seconds_max: list[int | None] = []
    made: list[MadeExtension] = []
    for extension in extensions:
        hold = now[extension.reservation_id]
        verdict, move = _decide(extension, hold, at, cap)
        verdicts.append(verdict)
        seconds_max.append(_seconds_max(hold, cap))
        if move:
            made.append(move)
            now[extension.reservation_id] = replace(
                hold, deadline=move.to_deadline, made=hold.made | {extension.record_id}
            )
    return ExtensionDecisions(tuple(verdicts), tuple(seconds_max), tuple(made))


def _seconds_max(hold: ExtensibleHold, cap: timedelta) -> int | None:
    if hold.deadline is None:
        return None
    left = hold.created_at + cap - hold.deadline
    return min(max(left // timedelta(seconds=1), 0), HOLD_SECONDS_MAX)


def _decide(
    extension: HoldExtension, hold: ExtensibleHold, at: datetime, cap: timedelta
) -> tuple[ExtensionVerdict, MadeExtension | None]:
    if extension.record_id in hold.made:
        return "extended", None
    if hold.deadline is None or at >= hold.deadline:
        return "not_active", None
    deadline = max(hold.deadline, extension.expires_at)
    if deadline > max(hold.deadline, hold.created_at + cap):
        return "over_cap", None
    return "extended", MadeExtension(extension, hold.deadline, deadline)
