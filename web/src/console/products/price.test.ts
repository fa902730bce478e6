import { expect, test } from "vitest";
import { formatAmount, parseAmount, parseUnits } from "./price";

test.each([
  ["12.50", "EUR", 1250],
  ["12,5", "EUR", 1250],
  [" 12 ", "EUR", 1200],
  ["0.07", "EUR", 7],
  ["1250", "JPY", 1250],
  ["1.234", "BHD", 1234],
  ["12.505", "EUR", null],
  ["1.5", "JPY", null],
  ["1,250.00", "EUR", null],
  ["-1", "EUR", null],
  ["1e3", "EUR", null],
  ["", "EUR", null],
] as const)("the amount %j in %s is %j in minor units", (text, currency, amount) => {
  expect(parseAmount(text, currency)).toBe(amount);
});

test("an amount that is shown in a form is read as the same amount", () => {
  for (const amount of [0, 7, 1250, 1999, 100_000_000_005]) {
    const text = formatAmount({ amount, currency: "EUR" });
    expect(parseAmount(text, "EUR")).toBe(amount);
  }
  expect(formatAmount({ amount: 1250, currency: "JPY" })).toBe("1250");
});

test.each([
  ["0", 0],
  [" 120 ", 120],
  ["-1", null],
  ["1.5", null],
  ["", null],
])("the number of units %j is %j", (text, units) => {
  expect(parseUnits(text)).toBe(units);
});
