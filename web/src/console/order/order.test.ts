import { describe, expect, test } from "vitest";
import { refusalsOf } from "./Actions";
import { parseAmount, typedAmount } from "./amount";
import { missing } from "./awaited";
import { formatDelay } from "./delay";
import type { DeadLetter, Order, Payment } from "./queries";
import { batches } from "./redrive";
import { sentence } from "./status";

describe("amounts", () => {
  test.each([
    ["12.50", "EUR", 1250],
    ["12,5", "EUR", 1250],
    [" 12 ", "EUR", 1200],
    ["0.07", "USD", 7],
    ["1250", "JPY", 1250],
    ["1.234", "BHD", 1234],
  ])("%s in %s is %d minor units", (text, currency, amount) => {
    expect(parseAmount(text, currency)).toBe(amount);
  });

  test.each([
    ["", "EUR"],
    ["12.505", "EUR"],
    ["12.5", "JPY"],
    ["1,250.00", "EUR"],
    ["-5", "EUR"],
    ["five", "EUR"],
    ["9999999999999", "EUR"],
  ])("%j in %s is no amount", (text, currency) => {
    expect(parseAmount(text, currency)).toBeNull();
  });

  test.each([
    [7, "EUR", "0.07"],
    [1250, "EUR", "12.50"],
    [1250, "JPY", "1250"],
  ])("%d minor units of %s are typed %s, which is read as the same amount", (amount, currency, text) => {
    expect(typedAmount(amount, currency)).toBe(text);
    expect(parseAmount(text, currency)).toBe(amount);
  });
});

test.each([
  [0, "0 ms"],
  [142, "142 ms"],
  [3250, "3.3 sec"],
  [200_000, "3 min 20 sec"],
])("a delay of %d ms is written %s", (milliseconds, text) => {
  expect(formatDelay(milliseconds, "en")).toBe(text);
});

describe("an event that was announced", () => {
  const awaited = [{ id: "new", since: 1000 }];

  test("is missing until the timeline has it", () => {
    expect(missing(awaited, [{ id: "old" }], 2000)).toBe(true);
    expect(missing(awaited, [{ id: "old" }, { id: "new" }], 2000)).toBe(false);
  });

  test("is no longer awaited after 15 seconds", () => {
    expect(missing(awaited, [], 16_000)).toBe(false);
  });
});

const LETTER: DeadLetter = {
  id: "1",
  service: "payment",
  kind: "dlq",
  event: null,
  order: null,
  type: null,
  reason: "",
  detail: "",
  sent_at: "2026-01-01T12:00:00.000Z",
  receives: 1,
  remedy: { action: "redrive", first: "" },
  since: null,
};

test("dead letters are redriven by queue, if that is their remedy", () => {
  const letters: DeadLetter[] = [
    LETTER,
    { ...LETTER, id: "2", kind: "undelivered" },
    { ...LETTER, id: "3" },
    { ...LETTER, id: "4", remedy: { action: "drop", first: "" } },
    { ...LETTER, id: "5", kind: "relay", remedy: null },
  ];
  expect(batches(letters)).toEqual([
    { service: "payment", kind: "dlq", ids: ["1", "3"] },
    { service: "payment", kind: "undelivered", ids: ["2"] },
  ]);
});

const ORDER: Order = {
  id: "1",
  status: "CONFIRMED",
  lines: [],
  total: { amount: 100, currency: "EUR" },
  created_at: "2026-01-01T12:00:00.000Z",
  waiting_for: [],
  reason: null,
  dispute: null,
};
const PAYMENT: Payment = {
  status: "captured",
  payment: "pi_1",
  amount: { amount: 100, currency: "EUR" },
  left: { amount: 100, currency: "EUR" },
  due: null,
  refunds: [],
  disputes: [],
};

test.each<[Order["status"], number, string[]]>([
  ["PENDING", 0, ["cancel"]],
  ["CONFIRMED", 100, ["cancel", "dispatch", "refund"]],
  ["CONFIRMED", 0, ["cancel", "dispatch"]],
  ["DISPATCHED", 100, ["refund"]],
  ["CANCELLED", 0, []],
])("a %s order of which %d can be refunded has the actions %j", (status, left, possible) => {
  const refusals = refusalsOf({ ...ORDER, status }, { ...PAYMENT, left: { amount: left, currency: "EUR" } });
  const found = Object.entries(refusals).flatMap(([action, refusal]) => (refusal === null ? [action] : []));
  expect(found).toEqual(possible);
});

test("without a payment there is nothing to refund", () => {
  expect(refusalsOf(ORDER, null).refund).not.toBeNull();
});

test("a word of the API is written as text", () => {
  expect(sentence("out_of_stock")).toBe("Out of stock");
});
