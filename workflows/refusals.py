"""What a checkout refuses, as failures that cross Temporal: a sentence, and the same as data."""

from __future__ import annotations

from temporalio.exceptions import ApplicationError

from activities.inventory.records import ExtensionAnswer
from holdfast_client.contract import wording
from holdfast_client.contract.conflicts import differing_keys
from holdfast_client.contract.messages import CheckoutRequest
from holdfast_client.contract.names import CHECKOUT_CONFLICT, EXTENSION_REFUSED, HOLD_NOT_ACTIVE
from holdfast_client.contract.outcomes import KnownOutcome
from holdfast_client.contract.wording import difference
from workflows import web_ui
from workflows.ledger_calls import LedgerConflict


def different_request(request: CheckoutRequest, known: CheckoutRequest) -> ApplicationError:
    """Return the failure of a request under the id of another one; it names what differs."""
    differs = differing_keys(known.normalized(), request.normalized())
    return ApplicationError(
        f"checkout {request.checkout_id} was started with a different request{difference(differs)}",
        {"differs": list(differs)},
        type=CHECKOUT_CONFLICT,
        non_retryable=True,
    )


def conflict_of(error: LedgerConflict) -> ApplicationError:
    """Return the failure of a checkout whose id the ledger knows for a different request."""
    return ApplicationError(str(error), *error.details, type=CHECKOUT_CONFLICT, non_retryable=True)


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


def not_active(outcome: KnownOutcome) -> ApplicationError:
    """Return the failure of an extension of what is not held any more; it tells what is."""
    return ApplicationError(
        f"there is no live hold to extend: {web_ui.why_not_live(outcome)}",
        {"standing": outcome.model_dump(mode="json")},
        type=HOLD_NOT_ACTIVE,
        non_retryable=True,
    )
