"""An update that the server loses to a race of its own is asked again, under the id it had."""

from __future__ import annotations

from typing import Any

from temporalio.client import Client, Interceptor, OutboundInterceptor
from temporalio.service import RPCError, RPCStatusCode

from holdfast_client import ReservationClient
from tests.limits import HANG_SECONDS


class LosesTheFirstUpdate(Interceptor):
    """Answers the first update as the server does when a run ends just then."""

    def __init__(self) -> None:
        super().__init__()
        self.update_ids: list[str | None] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Line(next, self.update_ids)


class _Line(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, update_ids: list[str | None]) -> None:
        super().__init__(next)
        self._update_ids = update_ids

    async def start_workflow_update(self, input: Any) -> Any:
        self._update_ids.append(input.update_id)
        if len(self._update_ids) == 1:
            raise RPCError("task failure", RPCStatusCode.FAILED_PRECONDITION, b"")
        return await super().start_workflow_update(input)


async def test_an_update_that_the_server_lost_is_asked_again_with_its_id(
    temporal_address: str, task_queue: str, checkout_id: str
) -> None:
    line = LosesTheFirstUpdate()
    temporal = await Client.connect(temporal_address, interceptors=[line])
    client = ReservationClient(temporal, task_queue=task_queue, answer_timeout_seconds=HANG_SECONDS)
    await client.reserve(checkout_id, [("MUG", 1)])
    assert (await client.confirm(checkout_id, "pay_1")).status == "fulfilled"
    first, again = line.update_ids
    assert first == again
