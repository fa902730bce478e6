import { expect, test } from "vitest";
import { describeChange } from "./changes";

test.each([
  ["ProductListed", { name: "Blue mug", price: { amount: 1250, currency: "EUR" } }, "Offered as “Blue mug” for €12.50"],
  ["PriceChanged", { price: { amount: 1300, currency: "EUR" } }, "Costs €13.00"],
  ["StockAdjusted", { difference: 1200, on_hand: 1205 }, "1,205 on hand (+1,200)"],
  ["StockAdjusted", { difference: -2, on_hand: 5 }, "5 on hand (-2)"],
  ["NewerThanThisPage", {}, "NewerThanThisPage"],
])("%s is said in words", (type, data, words) => {
  expect(describeChange({ type, data })).toBe(words);
});
