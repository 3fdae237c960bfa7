"""What a checkout refuses, as failures that cross Temporal: a sentence, and the same as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.inventory.amendment_records import AmendmentAnswer
from activities.inventory.payment_records import PauseAnswer, Resumable
from activities.inventory.records import ExtensionAnswer, PartAnswer
from holdfast_client.contract import wording
from holdfast_client.contract.conflicts import differing_keys
from holdfast_client.contract.digests import REQUEST_KEYS, keys_that_differ, request_digest
from holdfast_client.contract.limits import TOO_MANY_LINES, line_limit
from holdfast_client.contract.messages import CheckoutRequest, ResumedAttempt
from holdfast_client.contract.names import (
    AMENDMENT_REFUSED,
    CHECKOUT_CONFLICT,
    CHECKOUT_NOT_FOUND,
    EXTENSION_REFUSED,
    GRACE_REFUSED,
    HOLD_NOT_ACTIVE,
    OPERATION_CONFLICT,
    OVER_OPEN,
    REVISION_CONFLICT,
)
from holdfast_client.contract.outcomes import Committed, Held, KnownOutcome
from holdfast_client.contract.wording import difference
from workflows import web_ui


def different_request(request: CheckoutRequest, known: CheckoutRequest) -> ApplicationError:
    """Return the failure of a request under the id of another one; it names what differs."""
    differs = differing_keys(known.normalized(), request.normalized())
    return ApplicationError(
        f"checkout {request.checkout_id} was started with a different request{difference(differs)}",
        {"differs": list(differs)},
        type=CHECKOUT_CONFLICT,
        non_retryable=True,
    )


def is_other(found: Resumable, named: ResumedAttempt) -> bool:
    """Say whether a run may not go on with this; with a later attempt of the same it does."""
    return found.digest != named.digest or found.state.attempt < named.attempt


def not_resumed(
    checkout_id: str, named: ResumedAttempt, found: Resumable | None
) -> ApplicationError:
    """Return the failure of a run that is to go on with what the ledger does not have."""
    if found is None:
        return ApplicationError(
            f"checkout {checkout_id!r} is not known to the database",
            type=CHECKOUT_NOT_FOUND,
            non_retryable=True,
        )
    is_ahead = found.digest == named.digest
    words = f"has no attempt {named.attempt}" if is_ahead else "was made with a different request"
    return ApplicationError(
        f"checkout {checkout_id} {words}",
        {"differs": ["attempt"] if is_ahead else []},
        type=CHECKOUT_CONFLICT,
        non_retryable=True,
    )


def other_digest(request: CheckoutRequest, digest: str) -> ApplicationError | None:
    """Return the failure of a request that has not this digest; None for the same."""
    other = request_digest(request.normalized())
    if other == digest:
        return None
    differs = keys_that_differ(REQUEST_KEYS, digest, other)
    return ApplicationError(
        f"checkout {request.checkout_id} was made with a different request{difference(differs)}",
        {"differs": list(differs)},
        type=CHECKOUT_CONFLICT,
        non_retryable=True,
    )


def not_extended(answer: ExtensionAnswer, outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of an extension that the ledger did not make.

    One over the cap names the cap and what is left of it; any other what stands instead of a hold.
    """
    if answer.verdict != "over_cap":
        return not_active(outcome)
    return ApplicationError(
        wording.over_cap(answer.cap_seconds, answer.seconds_max),
        {"cap_seconds": answer.cap_seconds, "seconds_max": answer.seconds_max},
        type=EXTENSION_REFUSED,
        non_retryable=True,
    )


def not_parted(answer: PartAnswer, outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of a shipment or release that the ledger did not make."""
    match answer.verdict:
        case "over_open":
            details: dict[str, Any] = {"lines": [line.model_dump() for line in answer.open]}
            return ApplicationError(
                f"that is more than is open; open is {wording.goods(answer.open)}",
                details,
                type=OVER_OPEN,
                non_retryable=True,
            )
        case "conflict":
            return _other_content(answer.differs)
        case _:
            return not_open(answer.refused_at or outcome)


def not_amended(answer: AmendmentAnswer, outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of an amendment that the ledger did not make."""
    match answer.verdict, answer.refused_at or answer.state.outcome:
        case "short", _:
            shortages = [shortage.model_dump(mode="json") for shortage in answer.shortages]
            return ApplicationError(
                f"the checkout stays as it was: {web_ui.shortages_reason(answer.shortages)}",
                {"shortages": shortages, "limits": []},
                type=AMENDMENT_REFUSED,
                non_retryable=True,
            )
        case "over_limit", _:
            return ApplicationError(
                f"the checkout stays as it was: {TOO_MANY_LINES}",
                {
                    "shortages": [],
                    "limits": [line_limit(answer.lines_already, answer.lines_new)],
                },
                type=AMENDMENT_REFUSED,
                non_retryable=True,
            )
        case "stale", (Held() | Committed()) as standing:
            lines = [line.model_dump() for line in standing.lines]
            return ApplicationError(
                f"the lines were changed meanwhile: they are of revision {standing.revision}",
                {"revision": standing.revision, "lines": lines},
                type=REVISION_CONFLICT,
                non_retryable=True,
            )
        case "conflict", _:
            return _other_content(answer.differs)
        case _:
            return not_amendable(answer.refused_at or outcome)


def not_amendable(outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of an amendment of what is not open; it tells what is."""
    return _not_active(f"there is nothing to amend: {web_ui.why_not_live(outcome)}", outcome)


def not_paused(answer: PauseAnswer, outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of a payment that the ledger does not wait for."""
    match answer.verdict:
        case "at_cap":
            details: dict[str, Any] = {"cap_seconds": answer.cap_seconds}
            if isinstance(outcome, Held) and outcome.paying_until:
                details["paying_until"] = outcome.model_dump(mode="json")["paying_until"]
            return ApplicationError(
                wording.grace_at_cap(answer.cap_seconds),
                details,
                type=GRACE_REFUSED,
                non_retryable=True,
            )
        case "conflict":
            return _other_content(answer.differs)
        case _:
            return not_active(outcome, "pay for")


def _other_content(differs: Sequence[str]) -> ApplicationError:
    return ApplicationError(
        f"the id was used with other content{difference(differs)}",
        {"differs": list(differs)},
        type=OPERATION_CONFLICT,
        non_retryable=True,
    )


def not_open(outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of a shipment or release of what is not open for it; it tells what is."""
    return _not_active(f"nothing can be taken out: the checkout is {outcome.status}", outcome)


def not_active(outcome: KnownOutcome, wish: str = "extend") -> ApplicationError:
    """Return the failure of an extension of what is not held any more; it tells what is."""
    return _not_active(f"there is no live hold to {wish}: {web_ui.why_not_live(outcome)}", outcome)


def _not_active(words: str, outcome: KnownOutcome) -> ApplicationError:
    return ApplicationError(
        words,
        {"standing": outcome.model_dump(mode="json")},
        type=HOLD_NOT_ACTIVE,
        non_retryable=True,
    )
