/**
 * A checkout service's side of Holdfast, over the official Temporal client. Copy this file.
 *
 * Denied, expired, cancelled and unavailable are answers, told apart by `status`. What is thrown is
 * `Refused` (the request is wrong, or its id is taken), `NotFound`, `Interrupted`, or
 * `OutcomeUnknown`: nobody knows yet, and asking again with the same ids is safe.
 */
import { randomUUID } from "node:crypto";
import {
  ApplicationFailure,
  Client,
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { defaultPayloadConverter, type Workflow } from "@temporalio/common";

export interface Line {
  sku: string;
  quantity: number;
  location?: string | null;
}

export interface CheckoutRequest {
  /** Names one attempt to buy for ever. */
  checkout_id: string;
  /** Left out with `from_cart`. */
  lines?: Line[];
  /** Hold what is in the adopted shop's cart that `cart_id` names. */
  from_cart?: boolean;
  /** 1 to 86,400; 900 if left out. */
  hold_seconds?: number;
  customer_id?: string | null;
  cart_id?: string | null;
  /** A checkout of the same customer or cart whose units this one takes over. */
  supersedes?: string | null;
}

export interface HeldLine {
  sku: string;
  location: string;
  quantity: number;
}

/** A word of a newer server, which this file does not know: sets of words may grow. */
export type Newer = string & {};

export interface Shortage {
  sku: string;
  location: string;
  requested: number;
  available: number;
  reason: "insufficient" | "unknown_sku" | "inactive" | Newer;
  /** When the next hold on it ends, or null. */
  next_expiry: string | null;
}

export type Held = {
  status: "held";
  expires_at: string;
  /** While a payment is in flight it is held until then, where that is later. */
  paying_until: string | null;
  lines: HeldLine[];
  revision: number;
};
/** Paid, and still on the shelf; `lines` is what is open. */
export type Committed = {
  status: "committed";
  payment_reference: string;
  lines: HeldLine[];
  revision: number;
  at: string;
  /** This payment is not the one on record, and due back. */
  duplicate_payment: boolean;
  /** It had expired, and was paid late. */
  reinstated: boolean;
};
/** Paid, and gone: `lines` have left, `released` were given back. */
export type Fulfilled = {
  status: "fulfilled";
  payment_reference: string;
  lines: HeldLine[];
  released: HeldLine[];
  at: string;
  /** It had expired, and was paid late. */
  reinstated: boolean;
};
export type FinalOutcome =
  | { status: "denied"; shortages: Shortage[] }
  | Fulfilled
  | {
      status: "cancelled";
      reason: string;
      actor: string;
      at: string;
      superseded_by: string | null;
    }
  | { status: "expired"; at: string }
  | { status: "unavailable" };
/** The known ones: at run time a newer server may answer another `status`, so keep a `default`. */
export type Outcome = Held | Committed | FinalOutcome;

export interface CheckoutReport {
  checkout_id: string;
  status: Outcome["status"] | "pending" | Newer;
  lines: HeldLine[];
  expires_at: string | null;
  shipments: { shipment_id: string; at: string; units: number }[];
  paying_until: string | null;
  payments: { payment_reference: string; state: string; reason: string; at: string }[];
  events: { at: string; event: string; actor: string; reason: string }[];
}

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

/** The checkout's workflow was terminated or failed; what it held comes free at its deadline. */
export class Interrupted extends Error {}

/** No answer: it may or may not have been done. Ask again with the same ids. */
export class OutcomeUnknown extends Error {}

const TASK_QUEUE = "checkout";
// An update may meet a workflow that is just closing, or continuing in a new run.
const ASKS_MAX = 3;
const LOST_BY_CLOSING = "AcceptedUpdateCompletedWorkflow";

/** The answer to an update; `isResult`: the checkout is over, and this is its outcome. */
interface Reply<Answer> {
  answer: Answer;
  isResult: boolean;
}

export class Reservations {
  constructor(
    private readonly temporal: Client,
    private readonly answerTimeoutMs = 15_000,
  ) {}

  /** Hold every line or none. Asked again, it answers where the checkout stands by then. */
  reserve(request: CheckoutRequest): Promise<Outcome> {
    return this.bounded(async () => {
      try {
        return await this.temporal.workflow.executeUpdateWithStart<Workflow, Outcome, [CheckoutRequest]>("reserved", {
          args: [request],
          updateId: randomUUID(),
          startWorkflowOperation: new WithStartWorkflowOperation("CheckoutWorkflow", {
            workflowId: workflowId(request.checkout_id),
            taskQueue: TASK_QUEUE,
            // A worker that stops may take its first task along: another decides after so long.
            workflowTaskTimeout: "8 seconds",
            args: [request],
            workflowIdConflictPolicy: "USE_EXISTING",
            workflowIdReusePolicy: "REJECT_DUPLICATE",
          }),
        });
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError || isLostByClosing(error)) {
          return await this.resultOfTheSame(request);
        }
        // It closed between the start and the update; asked again, it tells its outcome.
        if (error instanceof WorkflowNotFoundError) throw unknown(request.checkout_id);
        throw error;
      }
    });
  }

  /**
   * The shop was paid. `commit` keeps the goods on the shelf until `fulfil` ships them. Anything but
   * `fulfilled`, or `committed` without `duplicate_payment`, means: give the money back.
   */
  async confirm(
    checkoutId: string, paymentReference: string, settle: "fulfil" | "commit" = "fulfil",
  ): Promise<Committed | FinalOutcome> {
    const argument = { payment_reference: paymentReference, settle };
    return (await this.update<Committed | FinalOutcome>(checkoutId, "confirm", argument)).answer;
  }

  /** Ship a part of what is committed, or all that is open. The same shipment id ships once. */
  async fulfil(
    checkoutId: string, shipmentId: string, lines: Line[] | null = null,
    rest: "keep" | "release" = "keep",
  ): Promise<Committed | Fulfilled> {
    const argument = { shipment_id: shipmentId, lines, rest };
    const reply = await this.update<Outcome>(checkoutId, "fulfil", argument);
    const { answer, isResult } = reply;
    // The last shipment ended it, and this may be the same again: its answer was lost.
    if (isResult && answer.status === "fulfilled") {
      const { shipments } = await this.status(checkoutId);
      if (shipments.some((known) => known.shipment_id === shipmentId)) return answer;
    }
    return ofOpen(checkoutId, reply) as Committed | Fulfilled;
  }

  /** Give a part back, of a hold or of what is committed. The same release id gives back once. */
  async release(
    checkoutId: string, lines: Line[], reason = "", releaseId = randomUUID() as string,
  ): Promise<Outcome> {
    const argument = { lines, reason };
    return ofOpen(checkoutId, await this.update<Outcome>(checkoutId, "release", argument, releaseId));
  }

  /**
   * Make these lines all that is open: all of them, or the old ones stay. Lines of another
   * `revision` than the one given stay, too. The same amendment id counts once.
   */
  async amend(
    checkoutId: string, lines: Line[], revision: number | null = null, reason = "",
    amendmentId = randomUUID() as string,
  ): Promise<Held | Committed> {
    const argument = { lines, revision, reason };
    const reply = await this.update<Outcome>(checkoutId, "amend", argument, amendmentId);
    return ofOpen(checkoutId, reply) as Held | Committed;
  }

  /** Move the deadline of a live hold. The same extension id extends once, however often asked. */
  async extend(
    checkoutId: string, seconds: number, reason = "", extensionId = randomUUID() as string,
  ): Promise<Held> {
    const argument = { seconds, reason };
    const reply = await this.update<Outcome>(checkoutId, "extend_hold", argument, extensionId);
    return ofOpen(checkoutId, reply) as Held;
  }

  /** Give the hold back, or what is open of a committed checkout. */
  async cancel(checkoutId: string, reason = ""): Promise<FinalOutcome> {
    return (await this.update<FinalOutcome>(checkoutId, "cancel_hold", { reason })).answer;
  }

  /** Where the checkout stands, and how it came there. */
  status(checkoutId: string): Promise<CheckoutReport> {
    return this.bounded(() => this.handle(checkoutId).query<CheckoutReport>("status"));
  }

  private update<Answer>(
    checkoutId: string, name: string, argument: object, updateId = randomUUID() as string,
  ): Promise<Reply<Answer>> {
    return this.bounded(async () => {
      const handle = this.handle(checkoutId);
      for (let ask = 1; ; ask++) {
        try {
          const options = { args: [argument] as [object], updateId };
          const answer = await handle.executeUpdate<Answer, [object]>(name, options);
          return { answer, isResult: false };
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError || isLostByClosing(error))) throw error;
          // A closed checkout has its outcome as its result.
          if (await this.isClosed(checkoutId)) {
            return { answer: (await handle.result()) as Answer, isResult: true };
          }
          if (ask === ASKS_MAX) throw unknown(checkoutId);
        }
      }
    });
  }

  private async resultOfTheSame(request: CheckoutRequest): Promise<Outcome> {
    const started = this.temporal.workflow.getHandle(workflowId(request.checkout_id));
    const first = (await started.fetchHistory()).events?.[0];
    const input = first?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
    const startedWith = input && defaultPayloadConverter.fromPayload<CheckoutRequest>(input);
    if (!startedWith || meaning(startedWith) !== meaning(request)) {
      throw new Refused("CheckoutConflict", `${request.checkout_id} names a different request`);
    }
    return await started.result();
  }

  private async isClosed(checkoutId: string): Promise<boolean> {
    return (await this.handle(checkoutId).describe()).status.name !== "RUNNING";
  }

  private handle(checkoutId: string) {
    return this.temporal.workflow.getHandle(workflowId(checkoutId));
  }

  private async bounded<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await this.temporal.withDeadline(Date.now() + this.answerTimeoutMs, ask);
    } catch (error) {
      throw inTheWordsOfTheTrade(error);
    }
  }
}

function workflowId(checkoutId: string): string {
  return `checkout/${checkoutId}`;
}

/** The answer of a checkout that was open when it was asked; else there was nothing to change. */
function ofOpen(checkoutId: string, { answer, isResult }: Reply<Outcome>): Outcome {
  if (!isResult) return answer;
  const problem = `checkout ${checkoutId} is ${answer.status}`;
  throw new Refused("HoldNotActive", problem, { standing: answer });
}

function unknown(checkoutId: string): OutcomeUnknown {
  return new OutcomeUnknown(`checkout ${checkoutId}: no outcome yet; ask again with the same id`);
}

/** One text for all ways to write the same request: letters in NFC, equal SKUs summed, in order. */
function meaning(request: CheckoutRequest): string {
  const wanted = new Map<string, number>();
  for (const line of request.lines ?? []) {
    const item = JSON.stringify([line.sku, line.location ?? "main"]).normalize("NFC");
    wanted.set(item, (wanted.get(item) ?? 0) + line.quantity);
  }
  const { hold_seconds = 900, customer_id = null, cart_id = null, supersedes = null } = request;
  const told = [[...wanted].sort(), hold_seconds, customer_id, cart_id, supersedes];
  return JSON.stringify(told).normalize("NFC");
}

function isLostByClosing(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === LOST_BY_CLOSING
  );
}

function inTheWordsOfTheTrade(error: unknown): unknown {
  if (error instanceof WorkflowNotFoundError) return new NotFound(error.message);
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || error instanceof ServiceError) {
    return new OutcomeUnknown("no answer in time; ask again with the same id", { cause: error });
  }
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    const cause = error.cause;
    if (cause instanceof ApplicationFailure && cause.type) {
      return new Refused(cause.type, cause.message, cause.details?.[0]);
    }
    return new Interrupted(error.message, { cause: error });
  }
  return error;
}
