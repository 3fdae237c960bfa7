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
# In stock, and asked for at first where there is enough.
STOCK: Final = 5
UNITS: Final = 2
FINAL: Final = frozenset({"denied", "fulfilled", "cancelled", "expired"})
_LIVE: Final = ("held", "committed")
_PAID: Final = frozenset({"confirm", "commit"})
_CHANGES: Final = frozenset({"amend", "ship", "release", "payment_started", "payment_ended"})
_REFUSALS: Final = {"garbage": "InvalidRequest", "conflict": "CheckoutConflict"}
GONE: Final = "no workflow of that name runs"
OK: Final = "taken"


@dataclass(frozen=True)
class Said:
    """A message, and what was said to it.

    Args:
        kind: start, read, query, confirm, commit (confirmed, and stays on the shelf), cancel,
            extend, amend, ship and release (one unit), payment_started, payment_ended, stop (the
            workflow is cancelled), garbage, conflict; with ``signal`` set where nothing can be
            answered.
        seconds: of an extension.
        answer: a status, the type of a refusal, OK or GONE.
        length: of the hold that was answered, beyond what was asked for first.
        wish: of an amendment, how many units are to be open.
        units: that were answered to be open, or to have been sold; None where nobody said.
    """

    kind: str
    answer: str = OK
    seconds: int = 0
    signal: bool = False
    length: int = 0
    wish: int = 0
    units: int | None = None


@dataclass(frozen=True)
class State:
    """Where a checkout may stand: ``absent``, ``undecided``, ``held``, ``committed`` or final.

    Args:
        length: by how much the hold was extended.
        unserved: signals that came and may not have been served yet, in order.
        stopping: whether the workflow was cancelled, which may be served at any time.
        units: that are open.
        shipped: units that have left.
    """

    status: str = "absent"
    length: int = 0
    unserved: tuple[Said, ...] = ()
    stopping: bool = False
    units: int = 0
    shipped: int = 0


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
        yield from _moments(_given_back(replace(state, stopping=False)), enough_stock)
    if state.status == "undecided":
        held = replace(state, status="held", units=UNITS)
        decided = held if enough_stock else replace(state, status="denied")
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
    return said.answer == status and _agrees_in_figures(state, said)


def _agrees(after: State, said: Said, answer: str) -> bool:
    return said.answer == answer and _agrees_in_figures(after, said)


def _agrees_in_figures(state: State, said: Said) -> bool:
    if said.answer == "held" and said.length != state.length:
        return False
    told = {"held": state.units, "committed": state.units, "fulfilled": state.shipped}
    return said.units is None or said.units == told.get(said.answer, said.units)


def _serve(state: State, said: Said) -> Iterator[tuple[State, str]]:
    """Yield what a message that waited for its turn makes of a checkout, and its answer."""
    if said.kind == "extend":
        yield from _extend(state, said)
    elif said.kind in _CHANGES:
        yield from _change(state, said)
    elif state.status in FINAL:
        yield state, state.status
    elif said.kind == "cancel":
        yield _told(_given_back(state))
    elif state.status == "held" and said.kind == "confirm":
        yield _told(replace(state, status="fulfilled", units=0, shipped=state.units))
    elif state.status == "held" and said.kind == "commit":
        yield _told(replace(state, status="committed"))
    elif state.status == "committed" and said.kind in _PAID:
        yield state, "committed"


def _told(state: State) -> tuple[State, str]:
    return state, state.status


def _given_back(state: State) -> State:
    """Return how it ends where all that is open goes back."""
    return replace(state, status="fulfilled" if state.shipped else "cancelled", units=0)


def _change(state: State, said: Said) -> Iterator[tuple[State, str]]:
    """Yield what an amendment, a shipment, a release or a message about a payment leads to."""
    if state.status == "undecided":
        # Served before the decision only where a cancellation has overtaken that.
        over = replace(state, status="cancelled")
        yield over, "cancelled" if said.kind == "payment_ended" else "HoldNotActive"
    elif said.kind == "payment_ended" or (said.kind, state.status) == ("payment_started", "held"):
        yield _told(state)
    elif not _is_open_for(state, said):
        yield state, "HoldNotActive"
    elif said.kind == "amend" and said.wish > STOCK - state.shipped:
        yield state, "AmendmentRefused"
    elif said.kind == "amend":
        yield _told(replace(state, units=said.wish))
    else:
        shipped = state.shipped + (said.kind == "ship")
        left = replace(state, units=state.units - 1, shipped=shipped)
        yield _told(left if left.units else _given_back(left))


def _is_open_for(state: State, said: Said) -> bool:
    wanted = {"ship": ("committed",), "payment_started": ("held",)}
    return state.status in wanted.get(said.kind, _LIVE)


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
