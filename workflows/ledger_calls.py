"""How a workflow asks the ledger: at once inside its task, then as an activity that waits.

The quick way costs half the history, and suits whatever may be asked twice. The lasting way
survives workers and database alike, and shows in the Web UI while it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError

from activities.checkout import CheckoutActivities
from activities.failures import INVENTORY_UNAVAILABLE
from activities.holds import HoldsActivities
from activities.inventory.amendment_records import AmendmentAnswer, HoldAmendment
from activities.inventory.payment_records import Pause, PauseAnswer, Resumable
from activities.inventory.records import (
    Closing,
    ExtensionAnswer,
    HoldExtension,
    Part,
    PartAnswer,
    ReservationState,
)
from activities.refunds import RefundActivities
from activities.settlement import SettlementActivities
from activities.timeline import TimelineActivities
from holdfast_client.contract.holds import Holds, HoldsRequest
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.names import (
    CHECKOUT_CONFLICT,
    INVALID_REQUEST,
    PAYMENT_CONFLICT,
    REFUND_NOT_DUE,
)
from holdfast_client.contract.refunds import RefundDone, Refunded, Refunds, RefundsRequest
from holdfast_client.contract.timeline import Timeline, TimelineRequest
from workflows import policies

AnswerT = TypeVar("AnswerT")


class LedgerOutOfReach(Exception):
    """The ledger did not answer within the budget."""


class LedgerRefusal(Exception):
    """The ledger refuses it for good; nothing was changed.

    Args:
        failure: what the ledger's activity said, with its details.
    """

    def __init__(self, failure: ApplicationError) -> None:
        super().__init__(failure.message)
        self.type = failure.type
        self.details = failure.details

    def failure(self) -> ApplicationError:
        """Return the failure by which callers in any language learn of it."""
        return ApplicationError(str(self), *self.details, type=self.type, non_retryable=True)


class LedgerConflict(LedgerRefusal):
    """The reservation's id belongs to a different request."""


class BadRequest(LedgerRefusal):
    """What is asked for cannot be held, such as an empty cart."""


class PaymentTaken(LedgerRefusal):
    """The payment belongs to another checkout."""


_REFUSALS: Final[dict[str, type[LedgerRefusal]]] = {
    CHECKOUT_CONFLICT: LedgerConflict,
    INVALID_REQUEST: BadRequest,
    PAYMENT_CONFLICT: PaymentTaken,
    REFUND_NOT_DUE: LedgerRefusal,
}


async def reserve(
    request: CheckoutRequest, summary: str, when_slow: Callable[[], None]
) -> ReservationState:
    """Reserve within the reserve budget.

    Args:
        request: what is asked for.
        summary: what the Web UI says of it.
        when_slow: told where there was no answer at once.

    Raises:
        LedgerOutOfReach: no answer in time; a late attempt may still commit, so release it.
        LedgerConflict: the id belongs to a different request, which must be left alone.
        BadRequest: what is asked for cannot be held; the id is spent.
    """
    return await _ask(
        CheckoutActivities.reserve,
        request,
        summary,
        policies.RESERVE_RETRY_BUDGET,
        policies.RESERVE_RETRY,
        guard=policies.RESERVE_GUARD,
        when_slow=when_slow,
    )


async def abandon(
    request: CheckoutRequest, summary: str, when_slow: Callable[[], None]
) -> ReservationState:
    """Hold nothing for a request that came too late, however long the database takes to answer.

    Nobody waits for that, and what was decided before, such as of a checkout that was reset, has to
    come to light.

    Raises:
        LedgerConflict, BadRequest: as of a reserve.
        ApplicationError: as of :func:`close`.
    """
    try:
        return await _ask(
            CheckoutActivities.abandon,
            request,
            summary,
            policies.LASTING_RETRY_BUDGET,
            policies.LASTING_RETRY,
            when_slow=when_slow,
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def close(closing: Closing, summary: str, *, at_once: bool = True) -> ReservationState:
    """Fulfil or release, however long the database takes to answer.

    Args:
        closing: the ending that is asked for.
        summary: what the Web UI says of it.
        at_once: try it inside the workflow task first. Not where the ledger was out of reach just
            now: who waits for that news is told it only when the workflow task ends.

    Raises:
        PaymentTaken: the payment belongs to another checkout.
        ApplicationError: not even the lasting budget sufficed, which fails the workflow; the
            reconciler ends what it may still hold.
    """
    activity = {
        "fulfilled": CheckoutActivities.fulfil,
        "committed": CheckoutActivities.commit,
    }.get(closing.status, CheckoutActivities.release)
    ask = _ask if at_once else _ask_and_wait
    try:
        return await ask(
            activity,
            closing,
            summary,
            policies.LASTING_RETRY_BUDGET,
            policies.LASTING_RETRY,
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def extend(extension: HoldExtension, summary: str) -> ExtensionAnswer:
    """Move a deadline, however long the database takes to answer; raises as :func:`close` does.

    Never the quick way: a workflow task may be lost after the ledger was asked and run again. It
    would then add the seconds to the deadline that it has moved already. Scheduled as an activity,
    the new deadline is on record before the ledger hears of it.
    """
    try:
        return await _ask_and_wait(
            CheckoutActivities.extend,
            extension,
            summary,
            policies.LASTING_RETRY_BUDGET,
            policies.LASTING_RETRY,
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def part(wish: Part, summary: str) -> PartAnswer:
    """Ship or give back units, however long the database takes; raises as :func:`close` does.

    The quick way first: a part is told by its id, and names no figure that would move.
    """
    activity = CheckoutActivities.ship if wish.kind == "fulfil" else CheckoutActivities.give_back
    try:
        return await _ask(
            activity, wish, summary, policies.LASTING_RETRY_BUDGET, policies.LASTING_RETRY
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def amend(change: HoldAmendment, summary: str) -> AmendmentAnswer:
    """Change what is open, however long the database takes; raises as :func:`close` does.

    The quick way first: an amendment is told by its id, and says what is to be open.
    """
    try:
        return await _ask(
            CheckoutActivities.amend,
            change,
            summary,
            policies.LASTING_RETRY_BUDGET,
            policies.LASTING_RETRY,
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def resumable(checkout_id: str) -> Resumable | None:
    """Read what a workflow goes on with, None of what nobody knows; raises as :func:`close`."""
    try:
        return await _ask(
            SettlementActivities.read_resumable,
            checkout_id,
            "Read where the checkout stands",
            policies.LASTING_RETRY_BUDGET,
            policies.LASTING_RETRY,
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def pause(wish: Pause, summary: str) -> PauseAnswer:
    """Wait for a payment, or no longer; raises as :func:`close` does.

    The quick way first: it is told by its id, and what was decided under that stays.
    """
    try:
        return await _ask(
            CheckoutActivities.pause,
            wish,
            summary,
            policies.LASTING_RETRY_BUDGET,
            policies.LASTING_RETRY,
        )
    except LedgerOutOfReach as error:
        raise _given_up(error) from error


async def timeline(request: TimelineRequest) -> Timeline | None:
    """Read the timeline of a checkout; None where nothing is known of it.

    Only the quick way: whoever asks is waiting, and may ask again.

    Raises:
        LedgerOutOfReach: no answer in time.
    """
    return await _ask_at_once(
        TimelineActivities.read_timeline, request, "Read the timeline from the database"
    )


async def holds(request: HoldsRequest) -> Holds:
    """Read who holds what and until when; only the quick way, and raises as :func:`timeline`."""
    return await _ask_at_once(
        HoldsActivities.read_holds, request, "Read the open holds from the database"
    )


async def refunds(request: RefundsRequest) -> Refunds:
    """Read what is due back; only the quick way, and raises as :func:`timeline`."""
    return await _ask_at_once(
        RefundActivities.read_refunds, request, "Read the refunds from the database"
    )


async def refund_done(wish: RefundDone) -> Refunded:
    """Put down that a payment has gone back; only the quick way, and raises as :func:`timeline`.

    Raises:
        LedgerRefusal: it is not due back.
    """
    return await _ask_at_once(RefundActivities.refund_done, wish, "Put a refund down as done")


async def _ask(
    activity: Callable[..., Awaitable[AnswerT]],
    message: Any,
    summary: str,
    retry_budget: timedelta,
    retry: RetryPolicy,
    *,
    guard: timedelta | None = None,
    when_slow: Callable[[], None] = lambda: None,
) -> AnswerT:
    try:
        return await _ask_at_once(activity, message, summary)
    except LedgerOutOfReach:
        when_slow()
        asked = _ask_and_wait(activity, message, summary, retry_budget, retry)
        return await (_within(guard, asked) if guard else asked)


async def _within(guard: timedelta, asked: Awaitable[AnswerT]) -> AnswerT:
    try:
        return await asyncio.wait_for(asked, guard.total_seconds())
    except TimeoutError:
        raise LedgerOutOfReach("nobody took the question in time") from None


async def _ask_at_once(
    activity: Callable[..., Awaitable[AnswerT]], message: Any, summary: str
) -> AnswerT:
    try:
        answer: AnswerT = await workflow.execute_local_activity_method(
            activity,
            message,
            schedule_to_close_timeout=policies.LOCAL_TRY_BUDGET,
            # The one above counts only while an attempt runs, this one while none has a slot.
            schedule_to_start_timeout=policies.LOCAL_TRY_BUDGET,
            start_to_close_timeout=policies.LOCAL_ATTEMPT_TIMEOUT,
            retry_policy=policies.LOCAL_RETRY,
            summary=summary,
        )
    except FailureError as error:
        raise _meaning(error) from error
    return answer


async def _ask_and_wait(
    activity: Callable[..., Awaitable[AnswerT]],
    message: Any,
    summary: str,
    retry_budget: timedelta,
    retry: RetryPolicy,
) -> AnswerT:
    try:
        answer: AnswerT = await workflow.execute_activity_method(
            activity,
            message,
            schedule_to_close_timeout=retry_budget,
            start_to_close_timeout=policies.ATTEMPT_TIMEOUT,
            retry_policy=retry,
            summary=summary,
        )
    except FailureError as error:
        raise _meaning(error) from error
    return answer


def _meaning(error: FailureError) -> BaseException:
    # A local activity's own failure comes bare, a regular one's inside an ActivityError.
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, CancelledError):
        return asyncio.CancelledError()
    if isinstance(cause, ApplicationError) and cause.type in _REFUSALS:
        return _REFUSALS[cause.type](cause)
    return LedgerOutOfReach(str(cause or error))


def _given_up(error: LedgerOutOfReach) -> ApplicationError:
    days = policies.LASTING_RETRY_BUDGET.days
    return ApplicationError(
        f"the inventory did not answer for {days} days: {error}",
        type=INVENTORY_UNAVAILABLE,
        non_retryable=True,
    )
