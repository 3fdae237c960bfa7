"""What one checkout may answer to messages in any order, by every state that it can be in.

A signal has no answer, so nobody can say when it was served; a start is decided some time later;
and of messages that are sent at once nobody knows the order. So this follows all the states that
the answers leave possible. Where none is left, an answer has contradicted an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Final

HOLD_SECONDS: Final = 900
CAP_SECONDS: Final = 14_400
FINAL: Final = frozenset({"denied", "fulfilled", "cancelled", "expired"})
_LIVE: Final = ("held", "committed")
_PAID: Final = {"confirm": "fulfilled", "commit": "committed"}
_REFUSALS: Final = {"garbage": "InvalidRequest", "conflict": "CheckoutConflict"}
GONE: Final = "no workflow of that name runs"
OK: Final = "taken"


@dataclass(frozen=True)
class Said:
    """A message, and what was said to it.

    Args:
        kind: start, read, query, confirm, commit (confirmed, and stays on the shelf), cancel,
            extend, stop (the workflow is cancelled), garbage, conflict; with ``signal`` set where
            nothing can be answered.
        seconds: of an extension.
        answer: a status, the type of a refusal, OK or GONE.
        length: of the hold that was answered, beyond what was asked for first.
    """

    kind: str
    answer: str = OK
    seconds: int = 0
    signal: bool = False
    length: int = 0


@dataclass(frozen=True)
class State:
    """Where a checkout may stand: ``absent``, ``undecided``, ``held``, ``committed`` or final.

    Args:
        length: by how much the hold was extended.
        unserved: signals that came and may not have been served yet, in order.
        stopping: whether the workflow was cancelled, which may be served at any time.
    """

    status: str = "absent"
    length: int = 0
    unserved: tuple[Said, ...] = ()
    stopping: bool = False


def follow(
    states: Iterable[State], said_at_once: Sequence[Said], *, enough_stock: bool
) -> frozenset[State]:
    """Return the states that are possible after these answers, in whatever order they came."""
    left: set[State] = set()
    for order in permutations(said_at_once):
        if _reads_before_its_start(order):
            continue
        possible = set(states)
        for said in order:
            possible = {
                after
                for before in possible
                for now in _moments(before, enough_stock)
                for after in _step(now, said)
            }
        left |= possible
    return frozenset(left)


def _reads_before_its_start(order: Sequence[Said]) -> bool:
    """Say whether the answer to a start would come before the start itself."""
    kinds = [said.kind for said in order]
    return any(
        kinds[: n + 1].count("read") > kinds[: n + 1].count("start") for n in range(len(kinds))
    )


def _moments(state: State, enough_stock: bool) -> Iterator[State]:
    """Yield the state, and what it becomes as what has come already is served."""
    yield state
    if state.stopping and state.status in ("undecided", *_LIVE):
        yield from _moments(replace(state, status="cancelled", stopping=False), enough_stock)
    if state.status == "undecided":
        decided = replace(state, status="held" if enough_stock else "denied")
        yield from _moments(decided, enough_stock)
    for place in _next_served(state.unserved):
        rest = (*state.unserved[:place], *state.unserved[place + 1 :])
        for served, _ in _serve(state, state.unserved[place]):
            yield from _moments(replace(served, unserved=rest), enough_stock)


def _next_served(unserved: Sequence[Said]) -> Iterator[int]:
    """Yield which may be next: the first that came, unless an ending goes before it."""
    if unserved:
        yield 0
    endings = (place for place, said in enumerate(unserved) if said.kind != "extend")
    if (first := next(endings, 0)) > 0:
        yield first


def _waits_for(said: Said, earlier: Said) -> bool:
    """Say whether a message waits for one that came earlier: an ending for no extension."""
    return said.kind == "extend" or earlier.kind != "extend"


def _step(state: State, said: Said) -> Iterator[State]:
    """Yield the states after a message, if this answer could be given in this state."""
    if said.kind == "start":
        yield State("undecided") if state.status == "absent" else state
    elif said.answer == GONE:
        if state.status == "absent" or state.status in FINAL:
            yield state
    elif state.status == "absent":
        return
    elif said.signal:
        yield state if said.kind == "garbage" else _queued(state, said)
    elif said.kind == "stop":
        yield replace(state, stopping=True)
    else:
        yield from _answered(state, said)


def _queued(state: State, said: Said) -> State:
    return replace(state, unserved=(*state.unserved, said))


def _answered(state: State, said: Said) -> Iterator[State]:
    """Yield the states after a message that is answered, all before it having been served."""
    if said.kind in _REFUSALS:
        if said.answer == _REFUSALS[said.kind]:
            yield state
    elif said.kind in ("read", "query"):
        if _fits(state, said):
            yield state
    elif not any(_waits_for(said, other) for other in state.unserved):
        yield from (after for after, answer in _serve(state, said) if _agrees(after, said, answer))


def _fits(state: State, said: Said) -> bool:
    status = "pending" if state.status == "undecided" and said.kind == "query" else state.status
    return said.answer == status and (status != "held" or said.length == state.length)


def _agrees(after: State, said: Said, answer: str) -> bool:
    return said.answer == answer and (answer != "held" or said.length == after.length)


def _serve(state: State, said: Said) -> Iterator[tuple[State, str]]:
    """Yield what a message that waited for its turn makes of a checkout, and its answer."""
    if said.kind == "extend":
        yield from _extend(state, said)
    elif state.status in FINAL:
        yield state, state.status
    elif said.kind == "cancel":
        yield replace(state, status="cancelled"), "cancelled"
    elif state.status == "held" and said.kind in _PAID:
        yield replace(state, status=_PAID[said.kind]), _PAID[said.kind]
    elif state.status == "committed" and said.kind in _PAID:
        yield state, "committed"


def _extend(state: State, said: Said) -> Iterator[tuple[State, str]]:
    if state.status == "undecided":
        # Served before the decision only where a cancellation has overtaken that.
        yield replace(state, status="cancelled"), "HoldNotActive"
    elif state.status in FINAL or state.status == "committed":
        yield state, "HoldNotActive"
    elif HOLD_SECONDS + state.length + said.seconds > CAP_SECONDS:
        yield state, "ExtensionRefused"
    else:
        yield replace(state, length=state.length + said.seconds), "held"
