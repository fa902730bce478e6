/** The customer of an order. The order's own answer does not name the customer, but its first event does. */

import type { OrderPlacedEvent } from "../../generated/events";
import type { TimelineEvent } from "./waterfall";

/** Returns the id of the customer who placed an order; null if its events do not tell it. */
export function customerOf(events: readonly TimelineEvent[]): string | null {
  const placed = events.find(({ type }) => type === "OrderPlaced");
  // The log keeps events as they were written, so a member may be missing.
  const data = placed?.data as Partial<OrderPlacedEvent.OrderPlaced["data"]> | null | undefined;
  return data?.customer ?? null;
}
