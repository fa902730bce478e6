import { afterEach, expect, test, vi } from "vitest";
import { problemOf } from "../shared/problem";
import { sampleProblem } from "./samples";
import { earlierOrderOf, forgetKey, hasLines, keyOf, lineProblems, newTotalOf } from "./placing";

afterEach(() => {
  vi.restoreAllMocks();
  localStorage.clear();
});

test("a person's key stays the same until its order is known", () => {
  const key = keyOf("person");
  expect(key).toMatch(/^[0-9a-f-]{36}$/);
  expect(keyOf("person")).toBe(key);
  forgetKey("person", key);
  expect(keyOf("person")).not.toBe(key);
});

test("another person of the same browser has another key", () => {
  const key = keyOf("person");
  expect(keyOf("another")).not.toBe(key);
  forgetKey("another", keyOf("another"));
  expect(keyOf("person")).toBe(key);
});

test("a key with which another tab has begun meanwhile is not forgotten", () => {
  const earlier = keyOf("person");
  forgetKey("person", earlier);
  const next = keyOf("person");
  forgetKey("person", earlier);
  expect(keyOf("person")).toBe(next);
});

test("a browser that stores nothing keeps the key until the page is closed", () => {
  for (const name of ["getItem", "setItem", "removeItem"] as const) {
    vi.spyOn(Storage.prototype, name).mockImplementation(() => {
      throw new DOMException("denied", "SecurityError");
    });
  }
  const key = keyOf("person");
  expect(keyOf("person")).toBe(key);
  forgetKey("person", key);
  expect(keyOf("person")).not.toBe(key);
});

test("only a refusal because the key is taken names an earlier order", () => {
  const order = "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11";
  const { body } = sampleProblem(422, "The key is taken", { field: "Idempotency-Key" });
  expect(earlierOrderOf(problemOf(422, { ...body, order }))).toBe(order);
  expect(earlierOrderOf(problemOf(422, body))).toBeNull();
  expect(earlierOrderOf(new TypeError("Failed to fetch"))).toBeNull();
  expect(earlierOrderOf(null)).toBeNull();
});

test("an order has the lines of a request whatever they cost", () => {
  const price = { amount: 100, currency: "EUR" } as const;
  const order = { lines: [{ sku: "mug", quantity: 2, price }] };
  expect(hasLines(order, { lines: [{ quantity: 2, sku: "mug" }] })).toBe(true);
  expect(hasLines(order, { lines: [{ sku: "mug", quantity: 1 }] })).toBe(false);
  expect(hasLines(order, { lines: [{ sku: "tea", quantity: 2 }] })).toBe(false);
});

test("only a refusal because of another total has a new total", () => {
  const total = { amount: 200, currency: "EUR" };
  const problem = { type: "about:blank", title: "Another total", status: 409, detail: "It costs more." };
  expect(newTotalOf(problemOf(409, { ...problem, total }))).toEqual(total);
  expect(newTotalOf(problemOf(409, problem))).toBeNull();
  expect(newTotalOf(problemOf(422, { ...problem, status: 422, total }))).toBeNull();
});

test("a problem of a line is at the line's number", () => {
  const errors = [
    { title: "Unknown SKU", detail: "There is no product tea.", field: "lines[11].sku" },
    { title: "Several currencies", detail: "Pay in one.", field: "lines" },
  ];
  const problem = problemOf(422, { type: "about:blank", title: "Not valid", status: 422, detail: "No.", errors });
  expect([...lineProblems(problem)]).toEqual([[11, "There is no product tea."]]);
});
