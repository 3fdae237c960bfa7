/**
 * A checkout service's side of Holdfast, over the official Temporal client. Copy this folder, less
 * `demo.ts`.
 *
 * Denied, expired, cancelled, unavailable and due back are answers, told apart by `status`. What is
 * thrown is `Refused` (the request is wrong, or its id is taken), `NotFound`, `Interrupted`, or
 * `OutcomeUnknown`: nobody knows yet, and asking again with the same ids is safe.
 *
 * One call serves every webhook, whenever it comes: also where the checkout's workflow was
 * terminated, or Temporal has forgotten it.
 */
import { randomUUID } from "node:crypto";
import type { Client } from "@temporalio/client";
import { NotFound, Refused } from "./errors.js";
import { Exchanges, type Reply } from "./exchanges.js";
import type {
  CheckoutRequest, Late, Line, PaymentResult, Rest, Settle, Told,
} from "./messages.js";
import type { Committed, FinalOutcome, Fulfilled, Held, Outcome, RefundDue } from "./outcomes.js";
import type { CheckoutReport, Refunded, Refunds } from "./reports.js";
import { isTheSameShipment } from "./sameness.js";

export * from "./errors.js";
export type * from "./messages.js";
export type * from "./outcomes.js";
export type * from "./reports.js";

const SAME_PAYMENT = "ask again: of the same payment it counts once";

export class Reservations {
  private readonly exchanges: Exchanges;

  constructor(temporal: Client, answerTimeoutMs = 15_000) {
    this.exchanges = new Exchanges(temporal, answerTimeoutMs);
  }

  /** Hold every line or none. Asked again, it answers where the checkout stands by then. */
  reserve(request: CheckoutRequest): Promise<Outcome> {
    return this.exchanges.reserve(request);
  }

  /**
   * The shop was paid. `commit` keeps the goods on the shelf until `fulfil` ships them. `late` says
   * what becomes of a payment whose hold is over; without it the answer tells where the checkout
   * stands. Anything but `fulfilled`, or `committed` without `duplicate_payment`, means: give the
   * money back.
   */
  confirm(
    checkoutId: string, paymentReference: string,
    options?: { settle?: Settle; late?: null; actor?: string },
  ): Promise<Committed | FinalOutcome>;
  confirm(
    checkoutId: string, paymentReference: string,
    options: { settle?: Settle; late: Late | null; actor?: string },
  ): Promise<Committed | FinalOutcome | RefundDue>;
  async confirm(
    checkoutId: string, paymentReference: string,
    { settle = "fulfil", late = null, actor = "" }: {
      settle?: Settle; late?: Late | null; actor?: string;
    } = {},
  ): Promise<Committed | FinalOutcome | RefundDue> {
    const paid = { payment_reference: paymentReference, settle, actor };
    const settlement = {
      checkout_id: checkoutId, operation: "confirm" as const, late: late ?? "refund", ...paid,
    };
    const { answer } = await this.exchanges.update({
      checkoutId, name: "confirm", message: { ...paid, late }, isRepeatable: true, settlement,
      remedy: SAME_PAYMENT,
    });
    if (answer.status === "refund_due" && !late) return standingOf(checkoutId, answer);
    return answer as Committed | FinalOutcome | RefundDue;
  }

  /**
   * The buyer is at the bank: the hold lives on for so many seconds (1 to 3,600), past its deadline
   * if need be, until `paying_until`. What the buyer was told, `expires_at`, does not move.
   */
  async paymentStarted(
    checkoutId: string, paymentReference: string, seconds: number, actor = "",
  ): Promise<Held> {
    const message = { payment_reference: paymentReference, seconds, actor };
    const reply = await this.exchanges.update({
      checkoutId, name: "payment_started", message, isRepeatable: true, remedy: SAME_PAYMENT,
    });
    return ofOpen(checkoutId, reply) as Held;
  }

  /** The payment has come to nothing. Past its deadline, with no other in flight, the hold ends. */
  async paymentEnded(
    checkoutId: string, paymentReference: string, result: PaymentResult = "failed", actor = "",
  ): Promise<Outcome> {
    const message = { payment_reference: paymentReference, result, actor };
    const settlement = {
      checkout_id: checkoutId, operation: "payment_ended" as const, ...message,
    };
    const { answer } = await this.exchanges.update({
      checkoutId, name: "payment_ended", message, isRepeatable: true, remedy: SAME_PAYMENT,
      settlement,
    });
    return answer as Outcome;
  }

  /** Ship a part of what is committed, or all that is open. The same shipment id ships once. */
  async fulfil(
    checkoutId: string, shipmentId: string, lines: Line[] | null = null,
    { rest = "keep", actor = "" }: { rest?: Rest; actor?: string } = {},
  ): Promise<Committed | Fulfilled> {
    const message = { shipment_id: shipmentId, lines, rest, actor };
    const remedy = `ask again with the shipment id ${shipmentId}`;
    const reply = await this.exchanges.update({ checkoutId, name: "fulfil", message, remedy });
    const { answer, isResult } = reply;
    if (isResult && answer.status === "fulfilled") {
      // The last shipment ended it, and this may be the same again: its answer was lost.
      if (await this.hasShipped(checkoutId, shipmentId, lines)) return answer;
    }
    return ofOpen(checkoutId, reply) as Committed | Fulfilled;
  }

  /** Give a part back, of a hold or of what is committed. The same release id gives back once. */
  release(
    checkoutId: string, lines: Line[], { reason = "", actor = "" }: Told = {},
    releaseId: string = randomUUID(),
  ): Promise<Outcome> {
    return this.changed(checkoutId, "release", { lines, reason, actor }, releaseId);
  }

  /**
   * Make these lines all that is open: all of them, or the old ones stay. Lines of another
   * `revision` than the one given stay, too. The same amendment id counts once.
   */
  async amend(
    checkoutId: string, lines: Line[], revision: number | null = null,
    { reason = "", actor = "" }: Told = {}, amendmentId: string = randomUUID(),
  ): Promise<Held | Committed> {
    const message = { lines, revision, reason, actor };
    return (await this.changed(checkoutId, "amend", message, amendmentId)) as Held | Committed;
  }

  /** Move the deadline of a live hold. The same extension id extends once, however often asked. */
  async extend(
    checkoutId: string, seconds: number, { reason = "", actor = "" }: Told = {},
    extensionId: string = randomUUID(),
  ): Promise<Held> {
    const message = { seconds, reason, actor };
    return (await this.changed(checkoutId, "extend_hold", message, extensionId)) as Held;
  }

  /** Give the hold back, or what is open of a committed checkout. */
  async cancel(
    checkoutId: string, { reason = "", actor = "" }: Told = {},
  ): Promise<FinalOutcome> {
    const message = { reason, actor };
    const settlement = { checkout_id: checkoutId, operation: "cancel" as const, ...message };
    const { answer } = await this.exchanges.update({
      checkoutId, name: "cancel_hold", message, isRepeatable: true, settlement,
    });
    return answer as FinalOutcome;
  }

  /** Where the checkout stands, and how it came there; also when Temporal has forgotten it. */
  status(checkoutId: string): Promise<CheckoutReport> {
    return this.exchanges.status(checkoutId);
  }

  /** The payments that are due back, the oldest first; `limit` is 1 to 200. */
  refunds(limit = 100): Promise<Refunds> {
    return this.exchanges.read("RefundsWorkflow", `refunds/${randomUUID()}`, { limit });
  }

  /** Put down that a payment which was due back has gone back. Moves no money. */
  refundDone(paymentReference: string, actor = ""): Promise<Refunded> {
    const message = { payment_reference: paymentReference, actor };
    return this.exchanges.read("RefundDoneWorkflow", `refunds/${randomUUID()}`, message);
  }

  private async hasShipped(
    checkoutId: string, shipmentId: string, lines: Line[] | null,
  ): Promise<boolean> {
    // The run's own notes have the lines; one that went on for another knows the latest alone.
    const noted = await this.exchanges.noted(checkoutId);
    const isNoted = noted?.shipments.some(({ shipment_id }) => shipment_id === shipmentId);
    const { shipments } = noted && isNoted ? noted : await this.status(checkoutId);
    const known = shipments.find(({ shipment_id }) => shipment_id === shipmentId);
    if (known && !isTheSameShipment(known, lines, known === shipments.at(-1))) {
      const problem = `shipment ${shipmentId} was another one; use a new id for a new one`;
      throw new Refused("OperationConflict", problem, { differs: ["lines"] });
    }
    return known !== undefined;
  }

  /** What is open is changed once under the id; of what is over there is nothing to change. */
  private async changed(
    checkoutId: string, name: string, message: object, updateId: string,
  ): Promise<Outcome> {
    const remedy = `ask again with the id ${updateId}, and it is done once`;
    const asked = { checkoutId, name, message, updateId, remedy };
    return ofOpen(checkoutId, await this.exchanges.update(asked));
  }
}

/** The answer of a checkout that was open when it was asked; else there was nothing to change. */
function ofOpen(checkoutId: string, { answer, isResult }: Reply): Outcome {
  if (!isResult) return answer as Outcome;
  const problem = `checkout ${checkoutId} is ${answer.status}`;
  throw new Refused("HoldNotActive", problem, { standing: answer });
}

/** Where the checkout stands, for who did not ask what becomes of a payment that is due back. */
function standingOf(checkoutId: string, { standing }: RefundDue): Committed | FinalOutcome {
  if (standing === null) {
    throw new NotFound(`checkout ${checkoutId} is not known; the payment is due back`);
  }
  if (standing.status === "committed") return { ...standing, duplicate_payment: true };
  return standing as FinalOutcome;
}
