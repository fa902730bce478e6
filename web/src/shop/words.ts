/** What the shop says about orders, payments and events. */

import type { components } from "../generated/api";
import type { EventType } from "../generated/catalogue";
import type { EventData } from "../generated/events";
import { formatMoney } from "../shared/money";

export type Order = components["schemas"]["OrderView"];
export type Payment = components["schemas"]["OwnPayment"];
export type TimelineEvent = components["schemas"]["TimelineEvent"];
export type Job = components["schemas"]["JobView"];

const STATUSES: Readonly<Record<Order["status"], string>> = {
  PENDING: "In progress",
  CONFIRMED: "Confirmed",
  DISPATCHED: "On its way",
  CANCELLED: "Cancelled",
};

const REASONS: Readonly<Record<NonNullable<Order["reason"]>, string>> = {
  customer: "You cancelled it.",
  fraud: "We could not accept it.",
  operator: "The shop cancelled it.",
  out_of_stock: "Not all of its goods are in stock.",
  payment_failed: "Its payment failed.",
  timeout: "It was not paid in time.",
};

const WAITS: Readonly<Record<string, string>> = {
  payment: "Your bank is checking the payment.",
  approval: "Your bank asks you to approve the payment.",
  stock: "We are reserving your goods.",
};

/** What each order waits for when it is placed. */
const FIRST_WAITS = ["payment", "stock"] as const;

/** The payment methods of the simulated gateway, by what they do. */
const METHODS: Readonly<Record<string, string>> = {
  pm_card_visa: "Test card that works",
  pm_card_authentication_required: "Test card that needs your approval",
  pm_card_processing: "Test card whose bank decides later",
  pm_card_error_once: "Test card that works at the second attempt",
  pm_card_declined: "Test card that is declined",
  pm_card_insufficient_funds: "Test card without enough money",
  pm_card_authorization_expires: "Test card whose reservation expires",
  pm_card_refund_pending: "Test card with a slow refund",
  pm_card_refund_fails: "Test card whose first refund fails",
  pm_card_refund_returned: "Test card whose bank returns a refund",
  pm_card_disputed: "Test card whose holder disputes the payment",
};

const REFUNDS: Readonly<Record<Payment["refunds"][number]["status"], string>> = {
  pending: "is under way",
  succeeded: "was sent to your bank",
  failed: "failed. We will contact you",
  settled: "was paid in another way",
};

const DISPUTES: Readonly<Record<NonNullable<Order["dispute"]>, string>> = {
  open: "Your bank is examining your objection to this payment.",
  won: "Your bank has decided that the payment stands.",
  lost: "Your bank has returned the payment to you.",
};

/** The types of the events about an order. The changes of products are in no order's timeline. */
type OrderEventType = Exclude<EventType, "ProductListed" | "PriceChanged" | "StockAdjusted">;

const EMAILS: Readonly<Record<EventData["EmailSent"]["kind"], string>> = {
  receipt: "We sent you the receipt by e-mail.",
  cancellation: "We sent you word of the cancellation by e-mail.",
  dispatch: "We sent you word of the dispatch by e-mail.",
};

const EVENTS: { readonly [Type in OrderEventType]: (data: EventData[Type]) => string } = {
  OrderPlaced: () => "You placed the order.",
  OrderConfirmed: () => "The order is confirmed.",
  OrderCancelled: ({ reason }) => `The order is cancelled. ${REASONS[reason]}`,
  OrderDispatched: ({ tracking }) =>
    tracking ? `The parcel is on its way. Its tracking code is ${tracking}.` : "The parcel is on its way.",
  OrderFlagged: () => "A check of the order failed.",
  PaymentAuthorized: ({ amount }) => `Your bank reserved ${formatMoney(amount)}.`,
  PaymentActionRequired: () => "Your bank asked you to approve the payment.",
  PaymentProcessing: () => "Your bank is checking the payment.",
  PaymentNotNeeded: () => "There is nothing to pay.",
  PaymentCaptured: ({ amount }) => `You paid ${formatMoney(amount)}.`,
  PaymentFailed: () => "The payment failed. No money was taken.",
  PaymentVoided: () => "The payment was undone. No money was taken.",
  PaymentRefunded: ({ amount }) => `We sent ${formatMoney(amount)} back to you.`,
  PaymentDisputed: () => "You objected to the payment at your bank.",
  DisputeClosed: ({ outcome }) => DISPUTES[outcome],
  RefundRequested: ({ amount }) => `We are sending ${formatMoney(amount)} back to you.`,
  RefundFailed: ({ amount }) => `Your bank did not take the refund of ${formatMoney(amount)}.`,
  RefundSettled: ({ amount }) => `We paid ${formatMoney(amount)} back to you in another way.`,
  UnexpectedPaymentFound: ({ amount }) => `We found a payment of ${formatMoney(amount)} that the order does not need.`,
  StockReserved: () => "Your goods are reserved.",
  StockRejected: () => "Not all goods are in stock.",
  StockReleased: () => "The reserved goods were released.",
  ReturnRequested: () => "We asked for the goods back.",
  PointsAwarded: ({ points }) => `You earned ${points} points.`,
  PointsRevoked: ({ points }) => `${points} points were taken back.`,
  EmailSent: ({ kind }) => EMAILS[kind],
  EmailFailed: () => "An e-mail to you could not be delivered.",
  PersonalDataErased: () => "Your personal data was erased from the order.",
};

/** Returns an order's status in words. */
export function describeStatus(status: Order["status"]): string {
  return STATUSES[status];
}

/** Returns why an order was cancelled. */
export function describeReason(reason: Order["reason"]): string {
  return reason ? REASONS[reason] : "";
}

/** Returns an event in words. */
export function describeEvent({ type, data }: TimelineEvent): string {
  // An event that is newer than this page has its name, in words.
  const describe = EVENTS[type as OrderEventType] as ((data: unknown) => string) | undefined;
  return describe?.(data) ?? `${type.replace(/(?<=[a-z])(?=[A-Z])/g, " ")}.`;
}

/** Returns a payment method's name. */
export function describeMethod(method: string): string {
  return METHODS[method] ?? method;
}

/** Returns the state of a refund in a sentence. */
export function describeRefund({ amount, status }: Payment["refunds"][number]): string {
  return `A refund of ${formatMoney(amount)} ${REFUNDS[status]}.`;
}

/** Returns the state of an order's dispute in a sentence. */
export function describeDispute(dispute: NonNullable<Order["dispute"]>): string {
  return DISPUTES[dispute];
}

/**
 * Returns what a pending order waits for.
 *
 * The payment knows better than the order whether it needs an approval: orders learn of it later.
 */
export function waitsOf(order: Order, payment: Payment | null | undefined): readonly string[] {
  const payments = payment == null ? undefined : needsApproval(order, payment) ? "approval" : "payment";
  const names = order.waiting_for.map((name) => (name === "stock" ? name : (payments ?? name)));
  return names.map((name) => WAITS[name] ?? name);
}

/** Returns true once an event of another service has changed an order. Until then its timeline may not be recorded. */
export function isUnderWay({ status, waiting_for }: Order): boolean {
  return status !== "PENDING" || !FIRST_WAITS.every((name) => waiting_for.includes(name));
}

/** Returns an order's events before its timeline is recorded. */
export function firstEvents({ id, created_at }: Order): readonly TimelineEvent[] {
  const placed: EventType = "OrderPlaced";
  return [{ id, type: placed, source: "orders", time: created_at, causationid: null, delay_ms: null, data: {} }];
}

/** Returns true if the payment of an order has begun. Until then the API knows of none. */
export function hasPayment(order: Order, events: readonly TimelineEvent[]): boolean {
  const { status, waiting_for } = order;
  if (status === "CONFIRMED" || status === "DISPATCHED" || waiting_for.includes("approval")) return true;
  return events.some(({ source }) => source === "payment");
}

/** Returns true if the customer must approve the payment. */
export function needsApproval(order: Order, payment: Payment | null | undefined): boolean {
  return order.status === "PENDING" && payment?.approval != null;
}

export interface Step {
  readonly name: string;
  readonly state: "done" | "current" | "ahead" | "stopped";
}

const STEPS = ["Ordered", "Confirmed", "On its way"] as const;
const DONE: Readonly<Record<Exclude<Order["status"], "CANCELLED">, number>> = {
  PENDING: 1,
  CONFIRMED: 2,
  DISPATCHED: 3,
};

/** Returns the steps of an order: those that are done, the current one, and those ahead. */
export function stepsOf({ status }: Pick<Order, "status">): readonly Step[] {
  if (status === "CANCELLED") {
    return [
      { name: "Ordered", state: "done" },
      { name: "Cancelled", state: "stopped" },
    ];
  }
  const done = DONE[status];
  return STEPS.map((name, n) => ({ name, state: n < done ? "done" : n === done ? "current" : "ahead" }));
}

/** Returns true while more happens to an order by itself. */
export function isOpen(order: Order, payment: Payment | null | undefined): boolean {
  const refunding = payment?.refunds.some(({ status }) => status === "pending") ?? false;
  return order.status === "PENDING" || order.status === "CONFIRMED" || order.dispute === "open" || refunding;
}

/** Returns the points that an order earned its customer and still counts for. */
export function pointsOf(events: readonly TimelineEvent[]): number {
  return events.reduce((points, { type, data }) => {
    if (type === "PointsAwarded") return points + (data as EventData["PointsAwarded"]).points;
    if (type === "PointsRevoked") return points - (data as EventData["PointsRevoked"]).points;
    return points;
  }, 0);
}

/** Returns the carrier's tracking code; an empty text if there is none. */
export function trackingOf(events: readonly TimelineEvent[]): string {
  const dispatched = events.find(({ type }) => type === "OrderDispatched");
  return (dispatched?.data as EventData["OrderDispatched"] | undefined)?.tracking ?? "";
}

const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Returns a time of the API as the reader writes it. */
export function formatTime(time: string): string {
  return TIME.format(new Date(time));
}
