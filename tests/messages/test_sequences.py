"""Messages in any order and number against one checkout: no answer contradicts another.

Legal and bad messages, before the start, during and after it, one by one and at once. What may be
answered says `legal`, which shares no code with the workflow.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from tests.messages.crowd import failed_tasks_of_all_runs, insisting, refusal_type, says_gone
from tests.messages.legal import FINAL, GONE, HOLD_SECONDS, OK, STOCK, UNITS, Said, State, follow
from tests.messages.mutations import bad_messages, legal
from tests.workflows.stage import Stage
from tests.workflows.till import moment, request
from tests.workflows.waiting import queried

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# The last of these is more than any hold may last.
SECONDS = (1, 60, 6_000, 86_400)
Ask = Callable[[], Awaitable[Any]]

_number = itertools.count(1)
_garbage = [arguments for _, arguments in bad_messages(11, ("confirm",), 200)]

wishes = st.one_of(
    st.just(("start", {})),
    st.just(("conflict", {})),
    st.just(("query", {})),
    st.just(("stop", {})),
    st.sampled_from(["confirm", "commit"]).map(lambda kind: (kind, {})),
    st.sampled_from(["update", "signal"]).map(lambda way: ("cancel", {"way": way})),
    st.tuples(st.sampled_from(["update", "signal"]), st.sampled_from(SECONDS)).map(
        lambda pair: ("extend", {"way": pair[0], "seconds": pair[1]})
    ),
    # More than there is, too.
    st.sampled_from([1, UNITS, STOCK, STOCK + 1]).map(lambda units: ("amend", {"wish": units})),
    st.sampled_from(["ship", "release", "payment_started", "payment_ended"]).map(
        lambda kind: (kind, {})
    ),
    st.tuples(st.sampled_from(["update", "signal"]), st.integers(0, 199)).map(
        lambda pair: ("garbage", {"way": pair[0], "number": pair[1]})
    ),
)
# A start more often than chance would have it: most messages before it are only told that.
steps: st.SearchStrategy[list[list[Any]]] = st.lists(
    st.lists(st.one_of(wishes, wishes, st.just(("start", {}))), min_size=1, max_size=3),
    min_size=1,
    max_size=8,
)


class Shopper:
    """Sends messages to one checkout and remembers the answers."""

    def __init__(self, stage: Stage, checkout_id: str, quantity: int) -> None:
        self.stage = stage
        self.checkout_id = checkout_id
        self.quantity = quantity
        self.opening: Any = None
        self.final: Any = None

    async def send(self, kind: str, details: dict[str, Any]) -> list[Said]:
        """Send one message; return what was said, which of a start is two things."""
        if details.get("way") == "signal":
            return [await self._signal(kind, details)]
        match kind:
            case "start":
                told = await self._told(self._asking())
                return [Said("start"), Said("read", **told)]
            case "conflict":
                other = request(self.checkout_id, {self.checkout_id: self.quantity + 1})
                told = await self._told(self._updating("reserved", [other]))
                return [Said(kind, told["answer"])]
            case "query":
                return [await self._query()]
            case "stop":
                return [Said(kind, await self._taken(self._handle.cancel()))]
            case _:
                asked = {key: details[key] for key in ("seconds", "wish") if key in details}
                return [Said(kind, **asked, **await self._told(self._wishing(kind, details)))]

    @property
    def _handle(self) -> Any:
        return self.stage.till.handle(self.checkout_id)

    def _asking(self) -> Ask:
        message = request(self.checkout_id, {self.checkout_id: self.quantity})
        update_id = str(uuid.uuid4())
        return lambda: self.stage.till.ask(message, id=update_id)

    def _updating(self, name: str, arguments: list[Any]) -> Ask:
        update_id = str(uuid.uuid4())
        return lambda: self._handle.execute_update(name, args=arguments, id=update_id)

    def _wishing(self, kind: str, details: dict[str, Any]) -> Ask:
        if kind == "garbage":
            return self._updating("confirm", _garbage[details["number"]])
        if kind == "extend":
            return self._updating("extend_hold", [{"seconds": details["seconds"]}])
        if kind == "cancel":
            return self._updating("cancel_hold", legal("cancel_hold"))
        if kind in ("confirm", "commit"):
            return self._paying("commit" if kind == "commit" else "fulfil")
        one = [{"sku": self.checkout_id, "quantity": 1}]
        bank = {"payment_reference": f"bank-{self._handle.id}"}
        name, message = {
            "amend": ("amend", {"lines": [one[0] | {"quantity": details.get("wish")}]}),
            "ship": ("fulfil", {"shipment_id": str(uuid.uuid4()), "lines": one}),
            "release": ("release", {"lines": one}),
            "payment_started": ("payment_started", bank | {"seconds": 300}),
            "payment_ended": ("payment_ended", bank | {"result": "failed"}),
        }[kind]
        return self._updating(name, [message])

    def _paying(self, settle: str) -> Ask:
        payment = f"pay-{self._handle.id}"
        return self._updating("confirm", [{"payment_reference": payment, "settle": settle}])

    async def _signal(self, kind: str, details: dict[str, Any]) -> Said:
        arguments: list[Any] = [{"seconds": details.get("seconds", 0)}]
        if kind != "extend":
            arguments = legal("cancel") if kind == "cancel" else _garbage[details["number"]]
        name = kind if kind in ("extend", "cancel") else "extend"
        answer = await self._taken(self._handle.signal(name, args=arguments))
        return Said(kind, answer, details.get("seconds", 0), signal=True)

    async def _query(self) -> Said:
        try:
            report = await queried(self._handle)
        except RPCError as error:
            says_gone(error)
            return Said("query", GONE)
        is_open = report["status"] in ("held", "committed")
        units = _units(report) if is_open else None
        return Said("query", report["status"], length=self._length(report), units=units)

    async def _taken(self, sent: Any) -> str:
        try:
            await sent
        except RPCError as error:
            says_gone(error)
            return GONE
        return OK

    async def _told(self, ask: Ask) -> dict[str, Any]:
        """Return the status that was answered, or the refusal's type, and the figures."""
        try:
            answer = await insisting(ask)
        except WorkflowUpdateFailedError as error:
            return {"answer": refusal_type(error)}
        except WorkflowAlreadyStartedError:
            return {"answer": GONE}
        except RPCError as error:
            says_gone(error)
            return {"answer": GONE}
        if answer["status"] in FINAL:
            assert self.final in (None, answer)
            self.final = answer
        length, units = self._length(answer), _units(answer)
        return {"answer": answer["status"], "length": length, "units": units}

    def _length(self, answer: Any) -> int:
        """Return by how much a hold was extended, counted from the ledger's own record of it."""
        if answer["status"] != "held":
            return 0
        ((created_at,),) = self.stage.shop.sql(
            "SELECT created_at FROM holdfast.reservations WHERE checkout_id = :id",
            id=self.checkout_id,
        )
        whole: timedelta = moment(answer["expires_at"]) - created_at
        return round((whole - timedelta(seconds=HOLD_SECONDS)).total_seconds())


def _units(answer: Any) -> int:
    return sum(line["quantity"] for line in answer.get("lines", ()))


@EXAMPLES
@given(steps=steps, enough_stock=st.booleans())
async def test_no_answer_contradicts_another_and_the_ledger_agrees(
    stage: Stage, unique: str, steps: list[Any], enough_stock: bool
):
    checkout_id = stage.stock(f"{unique}-{next(_number)}", STOCK)
    shopper = Shopper(stage, checkout_id, UNITS if enough_stock else STOCK + 1)
    states = frozenset([State()])
    for step in steps:
        said = await asyncio.gather(*(shopper.send(kind, details) for kind, details in step))
        told = [one for several in said for one in several]
        states, before = follow(states, told, enough_stock=enough_stock), states
        assert states, f"{told} cannot be said to a checkout that may be {sorted(map(str, before))}"
    if State() not in states:
        await _ends_as_the_ledger_says(shopper)


async def _ends_as_the_ledger_says(shopper: Shopper) -> None:
    stage, checkout_id = shopper.stage, shopper.checkout_id
    await shopper.send("cancel", {"way": "update"})
    result = await stage.till.result(checkout_id)
    assert result == (shopper.final or result)
    assert stage.shop.status(checkout_id) == result["status"]
    sold = _units(result) if result["status"] == "fulfilled" else 0
    assert stage.shop.figures(checkout_id) == (STOCK - sold, 0, STOCK - sold)
    assert (await stage.till.status(checkout_id))["status"] == result["status"]
    assert not await failed_tasks_of_all_runs(stage.client, f"checkout/{checkout_id}")
