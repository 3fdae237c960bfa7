"""What the Web UI shows of a workflow: put into words when somebody looks, and not before.

The SDK wants the words ready at all times. Of a checkout they are told anew after each message, and
so thousands of messages would cost thousands of texts that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from temporalio import workflow
from temporalio.worker import (
    HandleQueryInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

# By which the Web UI asks every workflow for its messages, its queries and its details.
_METADATA_QUERY: Final = "__temporal_workflow_metadata"


class DetailsWhenAsked(Interceptor):
    """Answers the Web UI with what a workflow's ``current_details()`` says, where it has that."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002  # nothing from outside is needed
    ) -> type[WorkflowInboundInterceptor]:
        return _Details


class _Details(WorkflowInboundInterceptor):
    async def handle_query(self, input: HandleQueryInput) -> Any:
        answer = await super().handle_query(input)
        if input.query == _METADATA_QUERY:
            # By its name, because in a sandbox the workflow's classes are others than here.
            tell: Callable[[], str] | None = getattr(workflow.instance(), "current_details", None)
            if tell:
                answer.current_details = tell()
        return answer
