import { expect, test } from "vitest";
import type { Product } from "./data";
import { type Priced, priceLines } from "./prices";
import type { BasketLine } from "./basket";

function line(sku: string, quantity: number, product: Product | null): Priced<BasketLine> {
  return { sku, quantity, product };
}

function product(sku: string, amount: number, currency: "EUR" | "USD" = "EUR"): Product {
  return { sku, name: sku, price: { amount, currency } };
}

test("lines cost the sum of their quantities and prices", () => {
  const lines = [line("mug", 2, product("mug", 1250)), line("tea", 1, product("tea", 499))];
  expect(priceLines(lines)).toEqual({ lines, total: { amount: 2999, currency: "EUR" }, problem: null });
});

test.each<[string, Priced<BasketLine>[], RegExp]>([
  ["a product that is no longer sold", [line("mug", 1, product("mug", 1)), line("old", 1, null)], /no longer sold/],
  ["two currencies", [line("a", 1, product("a", 1)), line("b", 1, product("b", 1, "USD"))], /different currencies/],
  ["no line", [], /nothing to order/],
])("an order with %s has no total", (_, lines, problem) => {
  expect(priceLines(lines)).toEqual({ lines, total: null, problem: expect.stringMatching(problem) as string });
});
