/** What is told of a checkout that was not changed: by its workflow, or by the database. */
import type { HeldLine, Newer, Outcome, Shortage } from "./outcomes.js";

export interface Payment {
  payment_reference: string;
  state: "started" | "failed" | "settled" | "refund_due" | "refunded" | Newer;
  /** Why it failed or is due back. */
  reason: string;
  at: string;
}

export interface Shipment {
  shipment_id: string;
  at: string;
  units: number;
  /** The first of them; none where the database alone tells of it. */
  lines: HeldLine[];
  lines_left_out: number;
}

export interface CheckoutReport {
  checkout_id: string;
  status: Outcome["status"] | "pending" | Newer;
  lines: HeldLine[];
  expires_at: string | null;
  paying_until: string | null;
  /** Null unless something is open and its workflow tells it. */
  revision: number | null;
  payments: Payment[];
  payments_left_out: number;
  shipments: Shipment[];
  shipments_left_out: number;
  events: { at: string; event: string; actor: string; reason: string }[];
}

/** What the database has on a checkout, however old it is; of each list the first or last 200. */
export interface Timeline {
  checkout_id: string;
  status: Exclude<Outcome["status"], "unavailable"> | Newer;
  customer_id: string | null;
  cart_id: string | null;
  created_at: string;
  expires_at: string | null;
  paying_until: string | null;
  closed_at: string | null;
  payment_reference: string | null;
  lines: HeldLine[];
  lines_left_out: number;
  payments: Payment[];
  payments_left_out: number;
  shortages: Shortage[];
  shortages_left_out: number;
  events: {
    at: string;
    event: string;
    actor: string;
    reason: string;
    seconds: number | null;
    expires_at: string | null;
    units: number | null;
    shipment_id: string | null;
  }[];
  events_left_out: number;
  movements: {
    at: string;
    kind: string;
    sku: string;
    location: string;
    total_delta: number;
    reserved_delta: number;
  }[];
  movements_left_out: number;
}

/** Payments that are due back, the oldest first. */
export interface Refunds {
  as_of: string;
  refunds: {
    payment_reference: string;
    checkout_id: string;
    customer_id: string | null;
    reason: string;
    due_at: string;
  }[];
  refunds_left_out: number;
}

export interface Refunded {
  status: "refunded";
  payment_reference: string;
  checkout_id: string;
  at: string;
}

/** A row that only bars what comes late under an id that never held anything. */
export function isTombstone(told: Timeline): boolean {
  return told.expires_at === null && told.status !== "denied";
}

/** What the checkout's own workflow would report, as far as the database tells. */
export function reportOf(told: Timeline): CheckoutReport {
  const shipments = told.events.flatMap(({ shipment_id, at, units }) =>
    shipment_id === null
      ? []
      : [{ shipment_id, at, units: units ?? 0, lines: [], lines_left_out: 0 }],
  );
  return {
    checkout_id: told.checkout_id,
    status: told.status,
    lines: told.lines,
    expires_at: told.status === "held" ? told.expires_at : null,
    paying_until: told.paying_until,
    revision: null,
    payments: told.payments,
    payments_left_out: told.payments_left_out,
    shipments,
    shipments_left_out: 0,
    events: told.events.map(({ at, event, actor, reason }) => ({ at, event, actor, reason })),
  };
}
