import { expect, test } from "vitest";
import { formatMoney, sum, times } from "./money";

test("an amount in minor units is written with its currency's decimals", () => {
  expect(formatMoney({ amount: 1250, currency: "EUR" }, "en")).toBe("€12.50");
  expect(formatMoney({ amount: 1250, currency: "JPY" }, "en")).toBe("¥1,250");
});

test("amounts are added and multiplied in minor units", () => {
  const price = { amount: 10, currency: "EUR" } as const;
  expect(sum([price, { amount: 20, currency: "EUR" }])).toEqual({ amount: 30, currency: "EUR" });
  expect(times(price, 3)).toEqual({ amount: 30, currency: "EUR" });
});
