"""Extend: move the deadlines of live holds, each extension once, under the cap.

Each wish is decided by itself, in the order given: what one has moved is where the next begins.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.inventory.database.calls import Call, Steps, scalar
from activities.inventory.operations.refusals import Refusal, is_refusal, record_refusals
from activities.inventory.operations.standing import read_states
from activities.inventory.records import ExtensionAnswer, ExtensionVerdict, HoldExtension
from activities.inventory.sql.statements import reservations as statements
from holdfast_client.contract.fields import HOLD_SECONDS_MAX


@dataclass(frozen=True, slots=True)
class OverCap:
    """Why an extension is refused: the cap on a hold, and by how much it could be extended then."""

    cap_seconds: int
    seconds_max: int


@dataclass(frozen=True, slots=True)
class ExtensibleHold:
    """What decides on an extension of one reservation.

    ``deadline`` is None unless it is held. ``ends_at`` is later where a payment is in flight: until
    then it is live. ``made`` are the ids of the extensions on record, ``refused`` of those that
    were over the cap, with what was told of it.
    """

    id: int
    created_at: datetime
    deadline: datetime | None
    made: frozenset[str]
    ends_at: datetime | None = None
    attempt: int = 1
    refused: Mapping[str, OverCap] = field(default_factory=dict)

    def is_live(self, at: datetime) -> bool:
        """Say whether it is held and not over at a moment."""
        return self.deadline is not None and at < max(self.deadline, self.ends_at or self.deadline)


@dataclass(frozen=True, slots=True)
class MadeExtension:
    """An extension to be recorded, and the deadline that it moves from and to."""

    extension: HoldExtension
    from_deadline: datetime
    to_deadline: datetime

    def answer_json(self) -> str:
        """Return what is kept as the answer that was given."""
        return json.dumps(
            {
                "from_deadline": self.from_deadline.astimezone(UTC).isoformat(),
                "to_deadline": self.to_deadline.astimezone(UTC).isoformat(),
                "seconds": self.extension.seconds,
            }
        )


@dataclass(frozen=True, slots=True)
class ExtensionDecisions:
    """The verdict on each wish, in their order, and those that are to be made or put on record.

    ``over_cap`` says of each why it is refused; None where it is not, or has no live hold.
    """

    verdicts: tuple[ExtensionVerdict, ...]
    over_cap: tuple[OverCap | None, ...]
    made: tuple[MadeExtension, ...]
    refused: tuple[tuple[HoldExtension, OverCap], ...]


def extend(
    extensions: Sequence[HoldExtension], hold_seconds_cap: int
) -> Steps[tuple[ExtensionAnswer, ...]]:
    """Extend a batch, in one transaction. An id that was never reserved becomes a closed row."""
    ids = {extension.checkout_id: None for extension in extensions}
    named = {"checkout_ids": list(ids)}
    yield Call(statements.CLAIM_TOMBSTONES, named)
    yield Call(statements.LOCK_RESERVATIONS, named)
    holds = yield from _read_extensible(ids, extensions)
    at = yield from scalar(Call(statements.CLOCK, {}))
    decisions = decide_extensions(extensions, holds, at, hold_seconds_cap)
    yield from _record(decisions.made, holds, at)
    yield from record_refusals(*(_refusal(*refused, holds) for refused in decisions.refused))
    states = yield from read_states(ids)
    decided = zip(extensions, decisions.verdicts, decisions.over_cap, strict=True)
    return tuple(
        ExtensionAnswer(verdict, states[extension.checkout_id], why.cap_seconds, why.seconds_max)
        if why
        else ExtensionAnswer(verdict, states[extension.checkout_id])
        for extension, verdict, why in decided
    )


def decide_extensions(
    extensions: Sequence[HoldExtension],
    holds: Mapping[str, ExtensibleHold],
    at: datetime,
    hold_seconds_cap: int,
) -> ExtensionDecisions:
    """Decide a batch.

    Args:
        extensions: in the order in which they count.
        holds: by checkout id, one for each that is meant.
        at: the ledger's clock, read under the locks.
        hold_seconds_cap: how long a hold may last in all, in seconds.
    """
    now = dict(holds)
    cap = timedelta(seconds=hold_seconds_cap)
    verdicts: list[ExtensionVerdict] = []
    over_cap: list[OverCap | None] = []
    made: list[MadeExtension] = []
    refused: list[tuple[HoldExtension, OverCap]] = []
    for extension in extensions:
        hold = now[extension.checkout_id]
        verdict, move = _decide(extension, hold, at, cap)
        verdicts.append(verdict)
        known = hold.refused.get(extension.extension_id)
        why = (known or _over_cap(hold, hold_seconds_cap)) if verdict == "over_cap" else None
        over_cap.append(why)
        if why and not known:
            refused.append((extension, why))
            now[extension.checkout_id] = replace(
                hold, refused={**hold.refused, extension.extension_id: why}
            )
        if move:
            made.append(move)
            now[extension.checkout_id] = replace(
                hold, deadline=move.to_deadline, made=hold.made | {extension.extension_id}
            )
    return ExtensionDecisions(tuple(verdicts), tuple(over_cap), tuple(made), tuple(refused))


def _over_cap(hold: ExtensibleHold, cap_seconds: int) -> OverCap:
    left = hold.created_at + timedelta(seconds=cap_seconds) - (hold.deadline or hold.created_at)
    return OverCap(cap_seconds, min(max(left // timedelta(seconds=1), 0), HOLD_SECONDS_MAX))


def _decide(
    extension: HoldExtension, hold: ExtensibleHold, at: datetime, cap: timedelta
) -> tuple[ExtensionVerdict, MadeExtension | None]:
    if extension.extension_id in hold.made:
        return "extended", None
    if extension.extension_id in hold.refused:
        return "over_cap", None
    is_other = extension.attempt not in {None, hold.attempt}
    if hold.deadline is None or is_other or not hold.is_live(at):
        return "not_active", None
    deadline = max(hold.deadline, extension.expires_at)
    if deadline > max(hold.deadline, hold.created_at + cap):
        return "over_cap", None
    return "extended", MadeExtension(extension, hold.deadline, deadline)


def _read_extensible(
    checkout_ids: Iterable[str], extensions: Sequence[HoldExtension]
) -> Steps[dict[str, ExtensibleHold]]:
    rows = yield Call(
        statements.READ_EXTENSIBLE,
        {
            "checkout_ids": list(checkout_ids),
            "operation_ids": [extension.extension_id for extension in extensions],
        },
    )
    return {row.checkout_id: _extensible(row) for row in rows}


def _extensible(row: Any) -> ExtensibleHold:
    answers = row.answers or {}
    refused = {
        id: OverCap(answer["cap_seconds"], answer["seconds_max"])
        for id, answer in answers.items()
        if is_refusal(answer)
    }
    made = frozenset(answers.keys() - refused.keys())
    return ExtensibleHold(
        row.id, row.created_at, row.deadline, made, row.ends_at, row.attempt, refused
    )


def _refusal(
    extension: HoldExtension, why: OverCap, holds: Mapping[str, ExtensibleHold]
) -> Refusal:
    return Refusal(
        holds[extension.checkout_id].id,
        extension.extension_id,
        "extend",
        None,
        "over_cap",
        {"cap_seconds": why.cap_seconds, "seconds_max": why.seconds_max},
        extension.reason,
        extension.actor,
    )


def _record(
    made: Sequence[MadeExtension], holds: Mapping[str, ExtensibleHold], at: datetime
) -> Steps[None]:
    if not made:
        return
    yield Call(
        statements.EXTEND,
        {
            "at": at,
            "ids": [holds[move.extension.checkout_id].id for move in made],
            "operation_ids": [move.extension.extension_id for move in made],
            "deadlines": [move.to_deadline for move in made],
            "answers": [move.answer_json() for move in made],
            "reasons": [move.extension.reason for move in made],
            "actors": [move.extension.actor for move in made],
        },
    )
