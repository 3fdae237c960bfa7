"""One call to Temporal: bounded in time, and whatever goes wrong is said in this client's errors.

A call ends in one of these ways, in this order of precedence:

1. the caller's task is cancelled: ``CancelledError``, untouched;
2. an answer;
3. a refusal by the workflow: the error of its name;
4. Temporal cannot be reached: ``ServerUnreachable``;
5. no answer in time, or none that tells what became of it: ``OutcomeUnknown``;
6. Temporal refuses the request itself: ``HoldfastError``, and nothing was done;
7. the connection was made before a fork, by another process: ``UsedAfterFork``, and nothing was
   sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import (
    RPCTimeoutOrCancelledError,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError, TemporalError
from temporalio.service import RPCError, RPCStatusCode

from holdfast_client.contract.errors import (
    CheckoutNotFound,
    HoldfastError,
    OutcomeUnknown,
    ServerUnreachable,
    UsedAfterFork,
)
from holdfast_client.contract.names import CHECKOUT_CONFLICT
from holdfast_client.questions import Question
from holdfast_client.transport.failures import refusal_of
from holdfast_client.transport.reasons import plain_reason
from holdfast_client.transport.shutdown import note_end_of_call

# What the server reports for an update that its workflow accepted and did not live to answer.
_ACCEPTED_AND_LOST: Final = "AcceptedUpdateCompletedWorkflow"
# How the SDK complains of a payload that a data converter without the right codec cannot read.
_UNKNOWN_ENCODING: Final = "Unknown payload encoding"
# How the SDK complains, before it sends anything, of a connection that another process made.
_ACROSS_FORKS: Final = "across forks"
_REFUSED_BY_SERVER: Final = frozenset(
    {
        RPCStatusCode.ALREADY_EXISTS,
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.OUT_OF_RANGE,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
    }
)

_Answer = TypeVar("_Answer")


async def sent(call: Awaitable[_Answer]) -> _Answer:
    """Await one SDK call and let a cancellation of the caller through as what it is.

    The SDK dresses it up as an error of its own, which would break the timeouts and task groups
    of whoever called.
    """
    try:
        return await call
    except RPCTimeoutOrCancelledError as error:
        if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__ from None
        raise


@asynccontextmanager
async def answer_within(
    timeout_seconds: float, question: Question, address: str
) -> AsyncIterator[None]:
    """Bound all calls of the block together and translate what they raise.

    Raises:
        HoldfastError: of the kind that the module's docstring lists.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            yield
    except (TimeoutError, RPCTimeoutOrCancelledError):
        note_end_of_call(abandoned=True)
        raise unanswered(question, timeout_seconds) from None
    except WorkflowUpdateFailedError as error:
        raise refusal_of(error.cause) or _failed(question, error.cause) from error
    except RPCError as error:
        raise _server_error(question, error, address) from error
    except TemporalError as error:
        raise _failed(question, error) from error
    except AssertionError as error:
        if _ACROSS_FORKS not in str(error):
            raise
        raise UsedAfterFork(
            f"{question.subject}: this client was made before the process was forked, and "
            "connections do not pass a fork; nothing was sent. Make the client after the fork, one "
            "in each process, or use SyncReservationClient, which connects anew by itself"
        ) from None
    except KeyError as error:
        if _UNKNOWN_ENCODING not in str(error):
            raise
        raise HoldfastError(
            f"{question.subject}: the answer cannot be read ({error.args[0]}). Are payloads "
            "encrypted? Then this client's data converter needs the keys, see "
            "holdfast_client.transport.encryption.encrypting"
        ) from None
    finally:
        note_end_of_call()


def unanswered(question: Question, timeout_seconds: float) -> OutcomeUnknown:
    """Return the error for a call that waited ``timeout_seconds`` for nothing."""
    return OutcomeUnknown(
        f"{question.subject}: no answer within {timeout_seconds:g} s from Temporal and its "
        f"workers; {question.remedy}"
    )


def overtaken(question: Question) -> OutcomeUnknown:
    """Return the error for a request that its workflow's runs kept missing."""
    return OutcomeUnknown(
        f"{question.subject}: its workflow closed or continued before it could answer; "
        f"{question.remedy}"
    )


def is_not_found(error: RPCError) -> bool:
    """Say whether the server knows no open workflow (and not: no such namespace)."""
    return error.status == RPCStatusCode.NOT_FOUND and not _names_no_namespace(error)


def was_disturbed(error: RPCError) -> bool:
    """Say whether the server lost an update to a race of its own, such as with the run's end."""
    return error.status == RPCStatusCode.FAILED_PRECONDITION


def was_accepted_and_lost(error: WorkflowUpdateFailedError) -> bool:
    """Say whether the workflow ended between accepting an update and answering it."""
    cause = error.cause
    return isinstance(cause, ApplicationError) and cause.type == _ACCEPTED_AND_LOST


def met_a_taken_id(error: WorkflowUpdateFailedError) -> bool:
    """Say whether a message met a run that fails, because another checkout has its id."""
    return isinstance(error.cause, ApplicationError) and error.cause.type == CHECKOUT_CONFLICT


def _server_error(question: Question, error: RPCError, address: str) -> HoldfastError:
    if error.status == RPCStatusCode.UNAVAILABLE:
        return ServerUnreachable(
            f"{question.subject}: Temporal at {address} cannot be reached "
            f"({plain_reason(error.message)}); {question.remedy}"
        )
    if is_not_found(error):
        return CheckoutNotFound(f"{question.subject} is not known to Temporal")
    if error.status in _REFUSED_BY_SERVER or _names_no_namespace(error):
        return HoldfastError(
            f"{question.subject}: Temporal at {address} refused the request, and nothing was done "
            f"({error.status.name}: {plain_reason(error.message)})"
        )
    return OutcomeUnknown(
        f"{question.subject}: Temporal at {address} answered with an error "
        f"({error.status.name}: {plain_reason(error.message)}); {question.remedy}"
    )


def _names_no_namespace(error: RPCError) -> bool:
    descriptor = NamespaceNotFoundFailure.DESCRIPTOR
    return any(detail.Is(descriptor) for detail in error.grpc_status.details)


def _failed(question: Question, cause: BaseException) -> HoldfastError:
    if isinstance(cause, ApplicationError):
        return HoldfastError(f"{question.subject}: the workflow failed the request: {cause}")
    if isinstance(cause, WorkflowQueryFailedError):
        return HoldfastError(f"{question.subject}: the workflow could not answer: {cause}")
    return HoldfastError(f"{question.subject}: {plain_reason(str(cause))}")
