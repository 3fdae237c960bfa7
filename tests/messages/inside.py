"""A workflow without a server: the SDK's own instance of it, fed as the SDK's core would feed it.

The code is what production runs, from the raw payload on: the SDK's dispatch of starts, signals,
updates and queries, our handlers and our reading. Only the history around it is made up.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.bridge.proto.activity_result import ActivityResolution, Success
from temporalio.bridge.proto.workflow_activation import (
    DoUpdate,
    InitializeWorkflow,
    QueryWorkflow,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.client import WorkflowHistory
from temporalio.common import RawValue
from temporalio.worker import (
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

from worker.composition import WORKFLOWS
from workflows.payloads import DATA_CONVERTER

_START: Final = 1_900_000_000
# In the history, that of a message; the SDK warns where there is none.
_ANY_EVENT: Final = 5
_LINE: Final = {"sku": "MUG-01", "quantity": 2}
_HELD: Final = {
    "outcome": {
        "status": "held",
        "expires_at": "2031-03-14T09:00:00Z",
        "lines": [{"sku": "MUG-01", "location": "main", "quantity": 2}],
    },
    "remaining_seconds": 900.0,
}


class _Listener(WorkflowRunner):
    """Remembers what the SDK makes an instance of a workflow from."""

    def __init__(self) -> None:
        self.heard: WorkflowInstanceDetails | None = None

    def prepare_workflow(self, defn: Any) -> None:
        pass

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        self.heard = det
        return UnsandboxedWorkflowRunner().create_instance(det)


async def learn_details(workflow_type: str) -> WorkflowInstanceDetails:
    """Ask the SDK, by a replay of the shortest history that there is."""
    listener = _Listener()
    replayer = Replayer(
        workflows=WORKFLOWS, data_converter=DATA_CONVERTER, workflow_runner=listener
    )
    history = WorkflowHistory.from_json("any", _shortest_history(workflow_type))
    await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert listener.heard is not None
    return listener.heard


def _shortest_history(workflow_type: str) -> dict[str, Any]:
    started = {
        "workflowType": {"name": workflow_type},
        "taskQueue": {"name": "checkout"},
        "originalExecutionRunId": "run",
        "firstExecutionRunId": "run",
        "attempt": 1,
    }
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("WorkflowExecutionStarted", started),
        ("WorkflowTaskScheduled", {"taskQueue": {"name": "checkout"}}),
        ("WorkflowTaskStarted", {"scheduledEventId": "2"}),
    ]
    return {
        "events": [
            {
                "eventId": str(number),
                "eventTime": "2030-03-17T17:46:40Z",
                "eventType": kind,
                f"{kind[0].lower()}{kind[1:]}EventAttributes": attributes,
            }
            for number, (kind, attributes) in enumerate(kinds, start=1)
        ]
    }


@dataclass
class Inside:
    """One run of one workflow.

    Args:
        details: of its type, by :func:`learn_details`.
        workflow_id: whose run it is.
    """

    details: WorkflowInstanceDetails
    workflow_id: str = "checkout/cart-42"

    def __post_init__(self) -> None:
        info = replace(self.details.info, workflow_id=self.workflow_id)
        self._instance = _made(replace(self.details, info=info))
        self._numbers = itertools.count(1)

    def start(self, arguments: Sequence[RawValue]) -> list[WorkflowCommand]:
        return self._feed(
            initialize_workflow=InitializeWorkflow(
                workflow_type=self.details.info.workflow_type,
                workflow_id=self.workflow_id,
                arguments=_payloads(arguments),
            )
        )

    def hold(self) -> None:
        """Start it as a checkout that gets what it wants."""
        commands = self.start([_json({"checkout_id": "cart-42", "lines": [_LINE]})])
        (local,) = [command for command in commands if command.HasField("schedule_local_activity")]
        result = Success(result=_json(_HELD).payload)
        self._feed(
            resolve_activity=ResolveActivity(
                seq=local.schedule_local_activity.seq,
                is_local=True,
                result=ActivityResolution(completed=result),
            )
        )

    def signal(self, name: str, arguments: Sequence[RawValue]) -> list[WorkflowCommand]:
        return self.signals([(name, arguments)])

    def signals(self, messages: Iterable[tuple[str, Sequence[RawValue]]]) -> list[WorkflowCommand]:
        """Send signals that wait together for the next task."""
        return self._run(
            WorkflowActivationJob(
                signal_workflow=SignalWorkflow(
                    signal_name=name, input=_payloads(arguments), originating_event_id=_ANY_EVENT
                )
            )
            for name, arguments in messages
        )

    def update(self, name: str, arguments: Sequence[RawValue]) -> list[WorkflowCommand]:
        return self.updates([(name, arguments)])

    def updates(self, messages: Iterable[tuple[str, Sequence[RawValue]]]) -> list[WorkflowCommand]:
        """Send updates that wait together for the next task."""
        return self._run(
            WorkflowActivationJob(
                do_update=DoUpdate(
                    id=number,
                    protocol_instance_id=number,
                    name=name,
                    input=_payloads(arguments),
                    run_validator=True,
                )
            )
            for (name, arguments), number in zip(messages, map(str, self._numbers), strict=False)
        )

    def query(self, name: str, arguments: Sequence[RawValue]) -> list[WorkflowCommand]:
        return self._feed(
            query_workflow=QueryWorkflow(
                query_id=str(next(self._numbers)), query_type=name, arguments=_payloads(arguments)
            )
        )

    def _feed(self, **job: Any) -> list[WorkflowCommand]:
        return self._run([WorkflowActivationJob(**job)])

    def _run(self, jobs: Iterable[WorkflowActivationJob]) -> list[WorkflowCommand]:
        """Run one activation and return what it commands. It must not fail: that fails the task."""
        activation = WorkflowActivation(
            run_id=self.details.info.run_id,
            timestamp=Timestamp(seconds=_START),
            history_length=10,
            jobs=jobs,
        )
        completion = self._instance.activate(activation)
        assert completion.HasField("successful"), completion.failed.failure.message
        return list(completion.successful.commands)


def _made(details: WorkflowInstanceDetails) -> WorkflowInstance:
    """Make an instance as a worker does: on an event loop, which its activations then lack."""

    async def make() -> WorkflowInstance:
        return UnsandboxedWorkflowRunner().create_instance(details)

    with closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(make())


def _payloads(arguments: Sequence[RawValue]) -> list[Any]:
    return [argument.payload for argument in arguments]


def _json(value: Any) -> RawValue:
    (payload,) = DATA_CONVERTER.payload_converter.to_payloads([value])
    return RawValue(payload)
