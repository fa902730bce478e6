import { expect, test } from "vitest";
import {
  cancellations,
  countCancelled,
  currenciesOf,
  daysOf,
  type Figures,
  figuresByDay,
  figuresByProduct,
  formatReason,
  formatShare,
  lastDays,
  refuseRange,
  revenueIn,
  type Sales,
  totalOf,
} from "./sales";

const FIRST: Figures = {
  placed: 4,
  confirmed: 2,
  cancelled: { out_of_stock: 1 },
  units: 5,
  revenue: [{ amount: 1000, currency: "EUR" }],
};
const SECOND: Figures = {
  placed: 3,
  confirmed: 3,
  cancelled: { out_of_stock: 1, customer: 3 },
  units: 3,
  revenue: [
    { amount: 500, currency: "EUR" },
    { amount: 9000, currency: "JPY" },
  ],
};
const SALES: Sales = {
  from: "2026-02-27",
  to: "2026-03-01",
  time_zone: "Europe/Berlin",
  days: [
    { day: "2026-02-27", total: FIRST, products: [{ sku: "MUG", total: FIRST }] },
    {
      day: "2026-03-01",
      total: SECOND,
      products: [
        { sku: "MUG", total: FIRST },
        { sku: "CUP", total: SECOND },
      ],
    },
  ],
  rebuilding: false,
};

test("a range has both its days, across months", () => {
  expect(daysOf(SALES)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01"]);
  expect(lastDays(3, "2026-03-01")).toEqual({ from: "2026-02-27", to: "2026-03-01" });
});

test("a range that the API would refuse is refused", () => {
  expect(refuseRange({ from: "2026-03-01", to: "2026-02-27" })).toBe("The last day is before the first.");
  expect(refuseRange(lastDays(92, "2026-03-31"))).toBeNull();
  expect(refuseRange(lastDays(93, "2026-03-31"))).toBe("A range has 92 days at most.");
});

test("a day without sales has zeros", () => {
  expect(figuresByDay(SALES).map(([day, { placed }]) => [day, placed])).toEqual([
    ["2026-02-27", 4],
    ["2026-02-28", 0],
    ["2026-03-01", 3],
  ]);
});

test("a product's figures are those of all days, and the most sold is the first", () => {
  expect(figuresByProduct(SALES).map(([sku, { units }]) => [sku, units])).toEqual([
    ["MUG", 10],
    ["CUP", 3],
  ]);
});

test("a total adds each currency and each reason for itself", () => {
  const total = totalOf(SALES);
  expect([total.placed, total.confirmed, countCancelled(total), total.units]).toEqual([7, 5, 5, 8]);
  expect(cancellations(total)).toEqual([
    ["customer", 3],
    ["out_of_stock", 2],
  ]);
  expect([revenueIn(total, "EUR"), revenueIn(total, "JPY"), revenueIn(total, "USD")]).toEqual([1500, 9000, 0]);
  expect(currenciesOf(SALES)).toEqual(["EUR", "JPY"]);
});

test("a share of nothing is no number", () => {
  expect(formatShare(1, 8, "en")).toBe("12.5%");
  expect(formatShare(0, 0, "en")).toBe("–");
});

test("a reason is written as words", () => {
  expect(formatReason("out_of_stock")).toBe("Out of stock");
});
