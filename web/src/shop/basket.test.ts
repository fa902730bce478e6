import { expect, test } from "vitest";
import { MAX_LINES, MAX_QUANTITY } from "../generated/limits";
import { type Basket, parseBasket, unitsIn, withAdded, withQuantity } from "./basket";

const MUG: Basket = [{ sku: "mug", quantity: 2 }];

test.each([null, "", "{", "null", "7", '{"sku":"mug"}', '["mug"]', "[null]"])(
  "the stored text %j is an empty basket",
  (text) => {
    expect(parseBasket(text)).toEqual([]);
  },
);

test("stored lines that no order may have are left out", () => {
  const lines = [
    { sku: "mug", quantity: 2 },
    { sku: "../x", quantity: 1 },
    { sku: 7, quantity: 1 },
    { sku: "tea", quantity: 0 },
    { sku: "tea", quantity: -1 },
    { sku: "tea", quantity: 1.5 },
    { sku: "tea", quantity: "1" },
    { sku: "tea" },
  ];
  expect(parseBasket(JSON.stringify(lines))).toEqual(MUG);
});

test("stored lines of one product become one line within the limit", () => {
  const lines = [
    { sku: "mug", quantity: 700 },
    { sku: "mug", quantity: 700 },
    { sku: "tea", quantity: 10 ** 9 },
  ];
  expect(parseBasket(JSON.stringify(lines))).toEqual([
    { sku: "mug", quantity: MAX_QUANTITY },
    { sku: "tea", quantity: MAX_QUANTITY },
  ]);
});

test("a basket holds as many products as an order", () => {
  const full = Array.from({ length: MAX_LINES + 3 }, (_, n) => ({ sku: `sku-${n}`, quantity: 1 }));
  const basket = parseBasket(JSON.stringify(full));
  expect(basket).toHaveLength(MAX_LINES);
  expect(withAdded(basket, "another", 1)).toBe(basket);
  expect(withAdded(basket, "sku-0", 1)[0]).toEqual({ sku: "sku-0", quantity: 2 });
});

test("a quantity stays within its limits, and 0 removes the product", () => {
  expect(withQuantity(MUG, "mug", MAX_QUANTITY + 1)).toEqual([{ sku: "mug", quantity: MAX_QUANTITY }]);
  expect(withQuantity(MUG, "mug", -3)).toEqual([{ sku: "mug", quantity: 1 }]);
  expect(withQuantity(MUG, "mug", 0)).toEqual([]);
});

test("the units of all lines are counted", () => {
  expect(unitsIn(withAdded(MUG, "tea", 3))).toBe(5);
});
