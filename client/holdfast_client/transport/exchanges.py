"""The exchanges with Temporal behind each question: which calls, in which order, in which case.

The bounds and the errors of a single call stand in ``calls.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import timedelta
from typing import Any, Final

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import (
    QueryRejectCondition,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from holdfast_client.contract import names
from holdfast_client.contract.conflicts import adjustment_conflict, checkout_conflict
from holdfast_client.contract.errors import CheckoutInterrupted, CheckoutNotFound
from holdfast_client.contract.messages import CheckoutRequest, Settlement, StockAdjustment
from holdfast_client.contract.timeline import Timeline, TimelineRequest
from holdfast_client.questions import (
    Adjust,
    ListCheckouts,
    Read,
    Reply,
    Reserve,
    Status,
    Update,
)
from holdfast_client.transport.calls import (
    is_not_found,
    met_a_taken_id,
    overtaken,
    sent,
    was_accepted_and_lost,
    was_disturbed,
)
from holdfast_client.transport.failures import (
    adjustment_failure_of,
    interruption_of,
    reading_failure_of,
)
from holdfast_client.transport.listing import summary_of, visibility_query
from holdfast_client.transport.settling import is_to_be_settled, resumption, settled
from holdfast_client.transport.starts import adjustment_summary, checkout_start

# An update may miss its workflow's present run each time: that run closed, or continued as new.
ASKS_MAX: Final = 3
# How many rows a list reads for each one it may return; see CheckoutFilter.admits.
ROWS_READ_PER_ROW_MAX: Final = 10
READING_EXECUTION_TIMEOUT: Final = timedelta(minutes=1)
_CLOSED: Final = frozenset(
    {
        WorkflowExecutionStatus.CANCELED,
        WorkflowExecutionStatus.COMPLETED,
        WorkflowExecutionStatus.FAILED,
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.TIMED_OUT,
    }
)


class Exchanges:
    """Holdfast's exchanges over one connection; raises the SDK's errors beside this client's."""

    def __init__(
        self,
        temporal: Client,
        task_queue: str,
        rpc_timeout: timedelta,
        *,
        private_metadata: bool = False,
    ) -> None:
        self._temporal = temporal
        self._private_metadata = private_metadata
        self._task_queue = task_queue
        self._rpc_timeout = rpc_timeout

    async def reserve(self, question: Reserve) -> Reply:
        """Start the checkout, or join it, and return where it stands."""
        request, update_id = question.request, str(uuid.uuid4())
        reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE
        for _ in range(ASKS_MAX):
            try:
                return Reply(await self._reserved(request, update_id, reuse))
            except WorkflowAlreadyStartedError as closed:
                if not await self._may_have_another_run(question):
                    return Reply(await self._result_of_the_same(request, closed))
                # A run of it compares the requests, and tells where the ledger has it.
                reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
            except RPCError as error:
                if not (is_not_found(error) or was_disturbed(error)):
                    raise
            except WorkflowUpdateFailedError as error:
                if not was_accepted_and_lost(error):
                    raise
        raise overtaken(question)

    async def update(self, question: Update) -> Reply:
        """Send an update to a checkout; a closed one answers with its result."""
        handle = self._checkout(question.checkout_id)
        failure: Exception = overtaken(question)
        for _ in range(ASKS_MAX):
            may_be_done = False
            try:
                return Reply(await self._updated(handle, question))
            except RPCError as error:
                if not (is_not_found(error) or was_disturbed(error)):
                    raise
            except WorkflowUpdateFailedError as error:
                if was_accepted_and_lost(error):
                    may_be_done = not question.is_repeatable
                elif met_a_taken_id(error):
                    failure = error
                else:
                    raise
            reply = await self._without_its_run(handle, question)
            if reply:
                return reply
            if may_be_done:
                break
        raise failure

    async def _without_its_run(
        self, handle: WorkflowHandle[Any, Any], question: Update
    ) -> Reply | None:
        """Answer where no run takes the update; None where one does now, and is to be asked."""
        status = await self._status_of(handle)
        if status is WorkflowExecutionStatus.COMPLETED:
            result = await self._result(question.checkout_id)
            if not is_to_be_settled(question, result):
                return Reply(result, is_result=True)
        elif status is not None and status not in _CLOSED:
            return None
        wish = question.settlement or resumption(question.checkout_id)
        try:
            answer = await self._settled(question, wish)
        except CheckoutNotFound:
            if status is WorkflowExecutionStatus.FAILED:
                await self._raise_refusal(question.checkout_id)
            raise
        is_resumed = answer.get("operation") == "resume"
        if is_resumed and answer.get("status") in {"held", "committed"}:
            return None
        return Reply(answer, is_result=is_resumed)

    async def _may_have_another_run(self, question: Reserve) -> bool:
        """Say whether a checkout whose run has closed is to be asked for in another.

        That is where the run came to nothing and the ledger knows the checkout. What is open has a
        run again then.
        """
        checkout_id = question.request.checkout_id
        status = await self._status_of(self._checkout(checkout_id))
        if status not in _CLOSED:
            return True
        if status is WorkflowExecutionStatus.COMPLETED:
            return False
        try:
            await self._settled(question, resumption(checkout_id))
        except CheckoutNotFound:
            return False
        return True

    async def _settled(self, question: Reserve | Update, wish: Settlement) -> dict[str, Any]:
        return await settled(self._temporal, self._task_queue, self._rpc_timeout, question, wish)

    async def _raise_refusal(self, checkout_id: str) -> None:
        """Raise why a checkout's workflow failed, where that is a refusal of the request itself."""
        with contextlib.suppress(CheckoutInterrupted):
            await self._result(checkout_id)

    async def status(self, question: Status) -> Reply:
        """Return the checkout's report; where no run is running, what the database knows."""
        try:
            return Reply(await self._report(question, QueryRejectCondition.NOT_OPEN))
        except WorkflowQueryRejectedError as closed:
            if closed.status is WorkflowExecutionStatus.COMPLETED:
                return Reply(await self._ended(question))
        except RPCError as error:
            if not is_not_found(error):
                raise
            return Reply(await self._recorded(question))
        return Reply(await self._interrupted(question))

    async def _ended(self, question: Status) -> Any:
        """Return the report of a checkout whose run is over: what came since is in the database.

        Where nothing was held or denied that has a bare mark at most, and the run tells the rest.
        """
        try:
            timeline = await self._timeline(question)
        except CheckoutNotFound:
            return await self._report(question, QueryRejectCondition.NONE)
        recorded = timeline.report().model_dump(mode="json")
        if timeline.was_decided:
            return recorded
        report = await self._report(question, QueryRejectCondition.NONE)
        return report | {key: recorded[key] for key in ("payments", "payments_left_out")}

    async def _interrupted(self, question: Status) -> Any:
        with contextlib.suppress(CheckoutNotFound):
            return await self._recorded(question)
        # It ended before the database had heard of it: why is all there is to tell.
        await self._result(question.checkout_id)
        # It was started anew in between.
        raise overtaken(question)

    async def _recorded(self, question: Status) -> Any:
        timeline = await self._timeline(question)
        if timeline.is_unknown:
            raise CheckoutNotFound(f"{question.subject} is not known")
        return timeline.report().model_dump(mode="json")

    async def _timeline(self, question: Status) -> Timeline:
        request = TimelineRequest(checkout_id=question.checkout_id)
        workflow_id = names.timeline_workflow_id(question.checkout_id, uuid.uuid4().hex)
        asked = Read(question.subject, names.TIMELINE_WORKFLOW, workflow_id, request)
        return Timeline.model_validate((await self.read(asked)).answer)

    async def _report(self, question: Status, rejected: QueryRejectCondition) -> Any:
        """Return what a checkout's run says of itself, unless that is of a rejected kind."""
        return await sent(
            self._checkout(question.checkout_id).query(
                names.STATUS_QUERY, reject_condition=rejected, rpc_timeout=self._rpc_timeout
            )
        )

    async def adjust(self, question: Adjust) -> Reply:
        """Apply the change once, or read what became of it."""
        change = question.change
        workflow_id = names.adjustment_workflow_id(change.adjustment_id)
        try:
            await self._started_adjustment(workflow_id, change)
        except WorkflowAlreadyStartedError as started:
            conflict = adjustment_conflict(change, await self._first_input(started))
            if conflict:
                raise conflict from None
        try:
            handle = self._temporal.get_workflow_handle(workflow_id)
            return Reply(await sent(handle.result(rpc_timeout=self._rpc_timeout)))
        except WorkflowFailureError as error:
            raise adjustment_failure_of(change.adjustment_id, error.cause) from error

    async def read(self, question: Read) -> Reply:
        """Ask by a workflow that reads once and ends."""
        try:
            handle = await sent(
                self._temporal.start_workflow(
                    question.workflow,
                    question.request.model_dump(mode="json"),
                    id=question.workflow_id,
                    task_queue=self._task_queue,
                    # Who asked has gone by then; without a worker it must not wait for ever.
                    execution_timeout=READING_EXECUTION_TIMEOUT,
                    rpc_timeout=self._rpc_timeout,
                )
            )
            return Reply(await sent(handle.result(rpc_timeout=self._rpc_timeout)))
        except WorkflowFailureError as error:
            raise reading_failure_of(question, error.cause) from error

    async def list(self, question: ListCheckouts) -> Reply:
        """Return the checkouts that the filter admits, in the order of Temporal's index."""
        wanted = question.wanted
        rows = self._temporal.list_workflows(
            visibility_query(wanted),
            page_size=wanted.limit,
            limit=wanted.limit * ROWS_READ_PER_ROW_MAX,
            rpc_timeout=self._rpc_timeout,
        )
        found = []
        async for row in rows:
            summary = summary_of(row)
            if wanted.admits(summary):
                found.append(summary)
            if len(found) == wanted.limit:
                break
        return Reply(found)

    async def _reserved(
        self, request: CheckoutRequest, update_id: str, reuse: WorkflowIDReusePolicy
    ) -> Any:
        payload = request.model_dump(mode="json")
        start = checkout_start(
            request,
            payload,
            self._task_queue,
            reuse=reuse,
            private_metadata=self._private_metadata,
        )
        try:
            return await sent(
                self._temporal.execute_update_with_start_workflow(
                    names.RESERVED_UPDATE,
                    payload,
                    start_workflow_operation=start,
                    id=update_id,
                    rpc_timeout=self._rpc_timeout,
                )
            )
        except BaseException:
            await _read_error_of(start)
            raise

    async def _updated(self, handle: WorkflowHandle[Any, Any], question: Update) -> Any:
        return await sent(
            handle.execute_update(
                question.name,
                question.message.model_dump(mode="json"),
                id=question.update_id,
                rpc_timeout=self._rpc_timeout,
            )
        )

    async def _started_adjustment(self, workflow_id: str, change: StockAdjustment) -> None:
        await sent(
            self._temporal.start_workflow(
                names.ADJUST_STOCK_WORKFLOW,
                change.model_dump(mode="json"),
                id=workflow_id,
                task_queue=self._task_queue,
                # Told of a running one too, to compare what it was asked with what is asked now.
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=adjustment_summary(change),
                rpc_timeout=self._rpc_timeout,
            )
        )

    async def _result_of_the_same(
        self, request: CheckoutRequest, closed: WorkflowAlreadyStartedError
    ) -> Any:
        conflict = checkout_conflict(request, await self._first_input(closed))
        if conflict:
            raise conflict
        return await self._result(request.checkout_id)

    async def _result(self, checkout_id: str) -> Any:
        try:
            return await sent(self._checkout(checkout_id).result(rpc_timeout=self._rpc_timeout))
        except WorkflowFailureError as error:
            raise interruption_of(checkout_id, error.cause) from error

    async def _status_of(self, handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionStatus | None:
        """Return how its last run stands; None where Temporal does not know it."""
        try:
            description = await sent(handle.describe(rpc_timeout=self._rpc_timeout))
        except RPCError as error:
            if is_not_found(error):
                return None
            raise
        return description.status

    async def _first_input(self, started: WorkflowAlreadyStartedError) -> Any:
        """Return what the first run of a workflow was started with, from its history."""
        handle = self._temporal.get_workflow_handle(
            started.workflow_id, run_id=started.first_run_id or started.run_id
        )
        events = handle.fetch_history_events(page_size=1, rpc_timeout=self._rpc_timeout)
        first = await anext(events)
        payloads = first.workflow_execution_started_event_attributes.input.payloads
        arguments = await self._temporal.data_converter.decode(payloads)
        return arguments[0] if arguments else None

    def _checkout(self, checkout_id: str) -> WorkflowHandle[Any, Any]:
        return self._temporal.get_workflow_handle(names.checkout_workflow_id(checkout_id))


async def _read_error_of(start: WithStartWorkflowOperation[Any, Any]) -> None:
    """Read the copy of an error that the SDK keeps in the start's own handle.

    Unread, asyncio would log it as an exception that nobody retrieved.
    """
    with contextlib.suppress(Exception, asyncio.CancelledError):
        async with asyncio.timeout(0):  # it is there already, or never will be
            await start.workflow_handle()
