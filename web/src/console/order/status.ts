/** The statuses of orders, payments and refunds as the console shows them. */

import type { StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import type { Order, Payment, Refund } from "./queries";

interface Shown {
  readonly type: StatusIndicatorProps.Type;
  readonly text: string;
}

export const ORDER_STATUS: Readonly<Record<Order["status"], Shown>> = {
  PENDING: { type: "pending", text: "Pending" },
  CONFIRMED: { type: "success", text: "Confirmed" },
  DISPATCHED: { type: "success", text: "Dispatched" },
  CANCELLED: { type: "stopped", text: "Cancelled" },
};

export const PAYMENT_STATUS: Readonly<Record<Payment["status"], Shown>> = {
  action_required: { type: "pending", text: "Awaits the customer's approval" },
  authorized: { type: "success", text: "Authorized" },
  authorizing: { type: "in-progress", text: "Being authorized" },
  captured: { type: "success", text: "Captured" },
  failed: { type: "error", text: "Failed" },
  forbidden: { type: "stopped", text: "Not begun: the order was cancelled before" },
  not_needed: { type: "success", text: "Not needed" },
  processing: { type: "in-progress", text: "Being processed by the bank" },
  voided: { type: "stopped", text: "Voided" },
};

export const REFUND_STATUS: Readonly<Record<Refund["status"], Shown>> = {
  failed: { type: "error", text: "Failed" },
  pending: { type: "pending", text: "Pending" },
  settled: { type: "success", text: "Returned in another way" },
  succeeded: { type: "success", text: "Refunded" },
};

/** Returns a word of the API as text: `out_of_stock` becomes `Out of stock`. */
export function sentence(word: string): string {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
