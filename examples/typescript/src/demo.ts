/**
 * The answers one after the other: held, extended, fulfilled, cancelled, denied, shipped in parts,
 * paid late, paid twice.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as passed } from "node:timers/promises";
import { Client, Connection } from "@temporalio/client";
import {
  OutcomeUnknown, Refused, Reservations, type HeldLine, type Outcome, type RefundDue,
} from "./holdfast.js";

const ASKS_MAX = 3;

/** Safe with any call of `Reservations`, because the same ids are asked again. */
async function askedAgain<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let asked = 1; ; asked++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof OutcomeUnknown) || asked === ASKS_MAX) throw error;
    }
  }
}

function inWords(outcome: Outcome | RefundDue): string {
  switch (outcome.status) {
    case "held":
      return `held until ${outcome.paying_until ?? outcome.expires_at}`;
    case "committed":
      return `committed, paid by ${outcome.payment_reference}: ship ${units(outcome.lines)}`;
    case "denied":
      return `denied: ${outcome.shortages
        .map((short) => `${short.sku} has ${short.available} of ${short.requested}`)
        .join(", ")}`;
    case "fulfilled":
      return `fulfilled, paid by ${outcome.payment_reference}: ${units(outcome.lines)} shipped`;
    case "cancelled":
      return `cancelled: ${outcome.reason}`;
    case "expired":
      return "expired: reserve anew";
    case "refund_due":
      return `${outcome.payment_reference} is due back: ${outcome.reason}`;
    case "unavailable":
      return "unavailable: try again with a new checkout id";
    default:
      return `${(outcome as { status: string }).status}: a word newer than this program`;
  }
}

function units(lines: HeldLine[]): number {
  return lines.reduce((sum, line) => sum + line.quantity, 0);
}

function say(outcome: Outcome | RefundDue): void {
  console.log(inWords(outcome));
}

async function sayEvents(reservations: Reservations, id: string): Promise<void> {
  const { events } = await reservations.status(id);
  console.log(`events of ${id}: ${events.map(({ event }) => event).join(", ")}`);
}

async function receiveStock(temporal: Client, sku: string, quantity: number): Promise<void> {
  const adjustmentId = randomUUID();
  await temporal.workflow.execute("AdjustStockWorkflow", {
    workflowId: `stock/${adjustmentId}`,
    taskQueue: "checkout",
    args: [{ adjustment_id: adjustmentId, sku, kind: "receive", quantity }],
  });
}

async function shop(temporal: Client): Promise<void> {
  const reservations = new Reservations(temporal);
  const sku = `MUG-${randomUUID().slice(0, 8)}`;
  const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
  await receiveStock(temporal, sku, 5);

  const wanted = { checkout_id: first, lines: [{ sku, quantity: 2 }], customer_id: "u-17" };
  say(await askedAgain(() => reservations.reserve(wanted)));
  // Named by us, so that asking again extends once and not twice.
  const extensionId = randomUUID();
  const why = { reason: "on the phone" };
  say(await askedAgain(() => reservations.extend(first, 600, why, extensionId)));
  say(await askedAgain(() => reservations.confirm(first, "pay_1")));
  // What has ended stays as it ended: asked again, and a cancellation that came too late.
  say(await askedAgain(() => reservations.reserve(wanted)));
  say(await askedAgain(() => reservations.cancel(first)));

  say(await askedAgain(() => reservations.reserve({ ...wanted, checkout_id: second })));
  say(await askedAgain(() => reservations.cancel(second, { reason: "changed my mind" })));

  const tooMany = { checkout_id: third, lines: [{ sku, quantity: 4 }] };
  say(await askedAgain(() => reservations.reserve(tooMany)));

  try {
    await reservations.reserve({ ...wanted, lines: [{ sku, quantity: 1 }] });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`refused: ${error.message}`);
  }
  await sayEvents(reservations, first);
  await shipInParts(reservations, sku);
  await payLate(reservations, sku);
}

/** Paid and not yet packed: one piece is given back, the others leave in two parcels. */
async function shipInParts(reservations: Reservations, sku: string): Promise<void> {
  const id = randomUUID();
  const one = [{ sku, quantity: 1 }];
  const wanted = { checkout_id: id, lines: [{ sku, quantity: 3 }] };
  say(await askedAgain(() => reservations.reserve(wanted)));
  say(await askedAgain(() => reservations.confirm(id, "pay_4", { settle: "commit" })));
  const releaseId = randomUUID();
  say(await askedAgain(() => reservations.release(id, one, { reason: "one less" }, releaseId)));
  say(await askedAgain(() => reservations.fulfil(id, "parcel-1", one)));
  say(await askedAgain(() => reservations.fulfil(id, "parcel-2")));
  // Its answer was lost, perhaps: the same shipment id does not ship it twice.
  say(await askedAgain(() => reservations.fulfil(id, "parcel-2")));
  try {
    await reservations.release(id, one);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`refused: ${error.message}`);
  }
  await sayEvents(reservations, id);
}

/** At the bank when the time is up; then the payments come, one too many. */
async function payLate(reservations: Reservations, sku: string): Promise<void> {
  const id = randomUUID();
  const [failed, paid, twice] = ["pay_5", "pay_6", "pay_7"] as const;
  const wanted = { checkout_id: id, lines: [{ sku, quantity: 1 }], hold_seconds: 1 };
  await askedAgain(() => reservations.reserve(wanted));
  say(await askedAgain(() => reservations.paymentStarted(id, failed, 600)));
  await passed(1_000 * wanted.hold_seconds);
  // Without the payment nothing keeps it any more.
  say(await askedAgain(() => reservations.paymentEnded(id, failed)));
  // The webhook: held again and paid, if all of it is there.
  say(await askedAgain(() => reservations.confirm(id, paid, { late: "reinstate" })));
  say(await askedAgain(() => reservations.confirm(id, twice, { late: "reinstate" })));
}

const connection = await Connection.connect({
  address: process.env["TEMPORAL_ADDRESS"] ?? "localhost:7233",
});
try {
  const namespace = process.env["TEMPORAL_NAMESPACE"] ?? "default";
  await shop(new Client({ connection, namespace }));
} finally {
  await connection.close();
}
