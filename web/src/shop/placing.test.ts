import { afterEach, expect, test } from "vitest";
import { problemOf } from "../shared/problem";
import { forgetKey, keyOf, lineProblems, newTotalOf, type OrderRequest } from "./placing";

const REQUEST: OrderRequest = {
  lines: [{ sku: "mug", quantity: 1 }],
  payment_method: "pm_ok",
  address: { name: "N", street: "S", city: "C", postal_code: "1", country: "DE" },
  expected_total: { amount: 100, currency: "EUR" },
};

afterEach(() => {
  sessionStorage.clear();
});

test("a repeat of a request has the same key, also if it expects another total", () => {
  const key = keyOf(REQUEST);
  expect(keyOf(structuredClone(REQUEST))).toBe(key);
  expect(keyOf({ ...REQUEST, expected_total: { amount: 200, currency: "EUR" } })).toBe(key);
});

test.each<[string, Partial<OrderRequest>]>([
  ["quantity", { lines: [{ sku: "mug", quantity: 2 }] }],
  ["payment method", { payment_method: "pm_other" }],
  ["address", { address: { ...REQUEST.address, city: "D" } }],
])("a request with another %s has another key", (_, change) => {
  const key = keyOf(REQUEST);
  expect(keyOf({ ...REQUEST, ...change })).not.toBe(key);
});

test("the same request has another key after its order was placed", () => {
  const key = keyOf(REQUEST);
  forgetKey();
  expect(keyOf(REQUEST)).not.toBe(key);
});

test("a stored attempt that cannot be read is replaced", () => {
  sessionStorage.setItem("placing", "{");
  expect(keyOf(REQUEST)).toBe(keyOf(REQUEST));
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
