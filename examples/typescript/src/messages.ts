/** What a checkout service says: the messages of the contract, key by key. */

export interface Line {
  sku: string;
  quantity: number;
  /** Left out or null: `main`; of a shipment or a release the one place where the SKU is open. */
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

/** `fulfil`: the goods leave at once. `commit`: they stay on the shelf until they are shipped. */
export type Settle = "fulfil" | "commit";
/** Of a payment whose hold is over: give it back, or hold and pay anew if all can be had. */
export type Late = "refund" | "reinstate";
/** What becomes of that which a shipment leaves behind. */
export type Rest = "keep" | "release";
export type PaymentResult = "failed" | "cancelled";

/** Who says so, and why: for the record. */
export interface Told {
  actor?: string;
  reason?: string;
}

/** The input of `SettlementWorkflow`; `payment_reference` is of `confirm` and `payment_ended`. */
export interface Settlement {
  checkout_id: string;
  operation: "confirm" | "payment_ended" | "cancel" | "resume";
  payment_reference?: string;
  result?: PaymentResult;
  settle?: Settle;
  late?: Late;
  reason?: string;
  actor?: string;
}
