import { expect, test } from "vitest";
import { pauseFor } from "./data";
import type { Order } from "./words";

const ORDER: Order = {
  id: "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11",
  status: "PENDING",
  lines: [],
  total: { amount: 1, currency: "EUR" },
  created_at: "2026-01-01T12:00:00Z",
  waiting_for: ["payment"],
};

test("an order is read again soon after an event, every half a minute while it is open, and then no more", () => {
  expect(pauseFor(ORDER, null, 0)).toBe(1_500);
  expect(pauseFor(ORDER, null, 10_000)).toBe(30_000);
  expect(pauseFor({ ...ORDER, status: "CANCELLED" }, null, 0)).toBe(1_500);
  expect(pauseFor({ ...ORDER, status: "CANCELLED" }, null, 10_000)).toBe(false);
  expect(pauseFor(undefined, undefined, 10_000)).toBe(false);
});
