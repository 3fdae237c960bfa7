/** What a checkout is answered, told apart by `status`. */

/** A word of a newer server, which these files do not know: sets of words may grow. */
export type Newer = string & {};

export interface HeldLine {
  sku: string;
  location: string;
  quantity: number;
}

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
  /** From 1, one more with each change of the lines. */
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

/** A payment that settles nothing: give the money back. It is on record as that. */
export type RefundDue = {
  status: "refund_due";
  payment_reference: string;
  reason:
    | "expired"
    | "cancelled"
    | "denied"
    | "unavailable"
    | "duplicate"
    | "unknown_checkout"
    | Newer;
  /** Why what had expired could not be held again. */
  shortages: Shortage[];
  /** Where the checkout stands; null of one that nobody knows. */
  standing: Outcome | null;
};
