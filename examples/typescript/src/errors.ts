/** What is thrown, and which of it an error of Temporal's client stands for. */
import {
  ApplicationFailure,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";

/**
 * Holdfast says no, and nothing was changed. `kind` is the failure's type in the contract, and
 * `details` what stood in the way, such as `{ differs: ["lines"] }`.
 */
export class Refused extends Error {
  constructor(readonly kind: string, message: string, readonly details: unknown = {}) {
    super(`${kind}: ${message}`);
  }
}

/** There is no such checkout. */
export class NotFound extends Error {}

/** The checkout's workflow was terminated or failed, and the database knows nothing of it. */
export class Interrupted extends Error {}

/** No answer: it may or may not have been done. Ask again with the same ids. */
export class OutcomeUnknown extends Error {}

const NOT_FOUND = "CheckoutNotFound";
// Not a word about what was asked: the database was away.
const UNAVAILABLE = "InventoryUnavailable";
const LOST_BY_CLOSING = "AcceptedUpdateCompletedWorkflow";
const FAILED_PRECONDITION = 9;

/** The no that a failure stands for; undefined where it is none. */
export function refusalOf(failure: unknown): Refused | NotFound | undefined {
  if (!(failure instanceof ApplicationFailure) || !failure.type) return undefined;
  if (failure.type === UNAVAILABLE) return undefined;
  if (failure.type === NOT_FOUND) return new NotFound(failure.message, { cause: failure });
  return new Refused(failure.type, failure.message, failure.details?.[0]);
}

/** The workflow ended between accepting an update and answering it. */
export function isLostByClosing(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === LOST_BY_CLOSING
  );
}

/** It met a run that fails, because another checkout has its id. */
export function metATakenId(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === "CheckoutConflict"
  );
}

/** No run took the update: there is none, or the server lost it to the run's end. */
export function isWithoutRun(error: unknown): boolean {
  if (error instanceof WorkflowNotFoundError) return true;
  if (!(error instanceof ServiceError)) return false;
  return (error.cause as { code?: number } | undefined)?.code === FAILED_PRECONDITION;
}

/** `remedy` says which id to ask again with. */
export function inTheWordsOfTheTrade(error: unknown, remedy: string): unknown {
  if (error instanceof WorkflowNotFoundError) return new NotFound(error.message, { cause: error });
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || error instanceof ServiceError) {
    return new OutcomeUnknown(`no answer in time; ${remedy}`, { cause: error });
  }
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    return refusalOf(error.cause) ?? new Interrupted(error.message, { cause: error });
  }
  return error;
}
