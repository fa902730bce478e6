import { expect, test } from "vitest";
import { formatMoney } from "../shared/money";
import {
  describeEvent,
  describeMethod,
  hasPayment,
  isOpen,
  isUnderWay,
  type Order,
  type Payment,
  pointsOf,
  stepsOf,
  type TimelineEvent,
  trackingOf,
  waitsOf,
} from "./words";

const MONEY = { amount: 1250, currency: "EUR" } as const;
const ORDER: Order = {
  id: "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11",
  status: "PENDING",
  lines: [],
  total: MONEY,
  created_at: "2026-01-01T12:00:00Z",
  waiting_for: ["payment", "stock"],
};
const PAYMENT: Payment = { status: "authorizing", amount: MONEY, gateway: "simulated", refunds: [], approval: null };
const NEEDS_APPROVAL: Payment = {
  ...PAYMENT,
  status: "action_required",
  approval: { publishable_key: "", client_secret: "secret", url: "https://bank.test" },
};

function event(type: string, data: unknown, source = "orders"): TimelineEvent {
  return { id: type, type, source, time: "2026-01-01T12:00:00Z", causationid: null, delay_ms: null, data };
}

test("an order waits for what it says, before its payment is known", () => {
  expect(waitsOf(ORDER, undefined)).toEqual(["Your bank is checking the payment.", "We are reserving your goods."]);
});

test("the payment says first that it needs an approval", () => {
  expect(waitsOf(ORDER, NEEDS_APPROVAL)[0]).toBe("Your bank asks you to approve the payment.");
});

test("an order that was approved waits for the bank again", () => {
  const order = { ...ORDER, waiting_for: ["approval"] };
  expect(waitsOf(order, PAYMENT)).toEqual(["Your bank is checking the payment."]);
});

test("an order whose part is unknown to the page waits for it by its name", () => {
  expect(waitsOf({ ...ORDER, waiting_for: ["customs"] }, null)).toEqual(["customs"]);
});

test.each([
  ["PENDING", ["done", "current", "ahead"]],
  ["CONFIRMED", ["done", "done", "current"]],
  ["DISPATCHED", ["done", "done", "done"]],
  ["CANCELLED", ["done", "stopped"]],
] as const)("the steps of an order that is %s", (status, states) => {
  expect(stepsOf({ status }).map(({ state }) => state)).toEqual(states);
});

test.each<[string, unknown, string]>([
  ["OrderPlaced", {}, "You placed the order."],
  ["PaymentCaptured", { amount: MONEY }, `You paid ${formatMoney(MONEY)}.`],
  ["OrderCancelled", { reason: "timeout", detail: "" }, "The order is cancelled. It was not paid in time."],
  ["OrderDispatched", { tracking: "T1" }, "The parcel is on its way. Its tracking code is T1."],
  ["OrderDispatched", { tracking: "" }, "The parcel is on its way."],
  ["PointsAwarded", { customer: "c", points: 12 }, "You earned 12 points."],
  ["DisputeClosed", { outcome: "lost" }, "Your bank has returned the payment to you."],
  ["GiftWrapped", {}, "Gift Wrapped."],
])("the event %s with %j is described in words", (type, data, text) => {
  expect(describeEvent(event(type, data))).toBe(text);
});

test("a payment method without a name has its id", () => {
  expect(describeMethod("pm_card_visa")).toBe("Test card that works");
  expect(describeMethod("pm_other")).toBe("pm_other");
});

test("points that were revoked do not count", () => {
  const awarded = event("PointsAwarded", { customer: "c", points: 12 });
  expect(pointsOf([awarded])).toBe(12);
  expect(pointsOf([awarded, event("PointsRevoked", { customer: "c", points: 12 })])).toBe(0);
});

test("the tracking code is that of the dispatch, if it has one", () => {
  expect(trackingOf([event("OrderPlaced", {}), event("OrderDispatched", { tracking: "T1" })])).toBe("T1");
  expect(trackingOf([event("OrderDispatched", { tracking: "" })])).toBe("");
  expect(trackingOf([])).toBe("");
});

test("an order is open until it is dispatched or cancelled, and nothing goes on with its money", () => {
  const dispatched: Order = { ...ORDER, status: "DISPATCHED" };
  const refund = { id: "r", amount: MONEY, at: "2026-01-01T12:00:00Z" };
  expect(isOpen(ORDER, null)).toBe(true);
  expect(isOpen({ ...ORDER, status: "CONFIRMED" }, null)).toBe(true);
  expect(isOpen(dispatched, PAYMENT)).toBe(false);
  expect(isOpen({ ...dispatched, dispute: "open" }, PAYMENT)).toBe(true);
  expect(isOpen(dispatched, { ...PAYMENT, refunds: [{ ...refund, status: "pending" }] })).toBe(true);
  expect(isOpen(dispatched, { ...PAYMENT, refunds: [{ ...refund, status: "succeeded" }] })).toBe(false);
});

test("a payment is asked for once it has begun", () => {
  expect(hasPayment(ORDER, [event("OrderPlaced", {})])).toBe(false);
  expect(hasPayment(ORDER, [event("PaymentProcessing", { amount: MONEY }, "payment")])).toBe(true);
  expect(hasPayment({ ...ORDER, waiting_for: ["approval"] }, [])).toBe(true);
  expect(hasPayment({ ...ORDER, status: "CONFIRMED" }, [])).toBe(true);
});

test("an order is under way once it waits for less, for something else, or for nothing", () => {
  expect(isUnderWay(ORDER)).toBe(false);
  for (const waiting_for of [["payment"], ["stock"], ["approval", "stock"]]) {
    expect(isUnderWay({ ...ORDER, waiting_for })).toBe(true);
  }
  expect(isUnderWay({ ...ORDER, status: "CANCELLED", waiting_for: [] })).toBe(true);
});
