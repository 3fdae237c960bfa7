/** Whether what is asked under an id that was used is the same again. */
import type { CheckoutRequest, Line } from "./messages.js";
import type { Shipment } from "./reports.js";

/** One text for all ways to write the same request: letters in NFC, equal SKUs summed, in order. */
export function meaning(request: CheckoutRequest): string {
  const { hold_seconds = 900, customer_id = null, cart_id = null, supersedes = null } = request;
  const { from_cart = false, lines = [] } = request;
  const wanted = [...summed(lines, ({ sku, location }) => [sku, location ?? "main"])].sort();
  const told = [wanted, from_cart, hold_seconds, customer_id, cart_id, supersedes];
  return JSON.stringify(told).normalize("NFC");
}

/**
 * Whether a shipment of what is over by now may be the one that is asked for, without lines all
 * that was open. Its report has the first lines alone, or none: of the others the units count.
 */
export function isTheSameShipment(known: Shipment, lines: Line[] | null, isLast: boolean): boolean {
  if (lines === null) return isLast;
  const units = lines.reduce((sum, line) => sum + line.quantity, 0);
  if (units !== known.units) return false;
  // Without a location it left from the one place where it was open.
  const isPlaced = lines.every(({ location }) => location);
  const key = ({ sku, location }: Line) => (isPlaced ? [sku, location ?? ""] : [sku]);
  const asked = summed(lines, key);
  return [...summed(known.lines, key)].every(([item, quantity]) => {
    const wanted = asked.get(item) ?? 0;
    return known.lines_left_out ? wanted >= quantity : wanted === quantity;
  });
}

function summed(lines: Line[], key: (line: Line) => string[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const line of lines) {
    const item = JSON.stringify(key(line)).normalize("NFC");
    sums.set(item, (sums.get(item) ?? 0) + line.quantity);
  }
  return sums;
}
