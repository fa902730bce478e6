import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import type { Figures, Sales as SalesView } from "../sales/sales";
import Sales from "./Sales";

const TOTAL: Figures = {
  placed: 4,
  confirmed: 3,
  cancelled: { out_of_stock: 1 },
  units: 5,
  revenue: [
    { amount: 1050, currency: "EUR" },
    { amount: 9000, currency: "JPY" },
  ],
};
const SALES: SalesView = {
  from: "2026-02-27",
  to: "2026-03-01",
  time_zone: "Europe/Berlin",
  days: [{ day: "2026-03-01", total: TOTAL, products: [{ sku: "MUG", total: TOTAL }] }],
  rebuilding: false,
};

function renderSales(answer: Routes["GET /operators/sales"], path = "/sales"): RenderedPage {
  return renderPage(<Sales />, {
    person: OPERATOR,
    path,
    ...(answer !== undefined && { routes: { "GET /operators/sales": answer } }),
  });
}

test("the sales are summed in the currency that the operator chooses", async () => {
  const page = renderSales(() => ({ body: SALES }));
  const products = await screen.findByRole("table", { name: "Sales by product" });
  expect(within(products).getByText("€10.50")).toBeDefined();
  expect(screen.getByText("75% of placed")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "JPY" }));
  expect(within(products).getByText("¥9,000")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("each day of the range is in the table", async () => {
  const page = renderSales(() => ({ body: SALES }));
  await page.user.click(await screen.findByRole("tab", { name: "By day, as a table" }));
  const rows = within(screen.getByRole("table", { name: "Sales by day" })).getAllByRole("row");
  expect(rows.map(({ textContent }) => textContent)).toEqual([
    "DayRevenueUnitsPlacedConfirmedCancelled",
    "Mar 1, 2026€10.505431",
    "Feb 28, 2026€0.000000",
    "Feb 27, 2026€0.000000",
  ]);
});

test("the range is that of the address", async () => {
  const page = renderSales(() => ({ body: SALES }), "/sales?from=2026-02-27&to=2026-03-01");
  await screen.findByText("75% of placed");
  expect(page.requests.map(({ query }) => query.toString())).toEqual(["from=2026-02-27&to=2026-03-01"]);
});

test("without a range the last 30 days are shown", async () => {
  const page = renderSales(() => ({ body: SALES }));
  await screen.findByText("75% of placed");
  const query = page.requests[0]?.query;
  const [from, to] = [query?.get("from"), query?.get("to")].map((day) => Date.parse(day ?? ""));
  expect(((to ?? 0) - (from ?? 0)) / 86_400_000).toBe(29);
});

test("days without sales say so", async () => {
  renderSales(() => ({ body: { ...SALES, days: [] } }));
  expect(await screen.findByText("No sales in these days")).toBeDefined();
});

test("figures that are being rebuilt are marked as incomplete", async () => {
  renderSales(() => ({ body: { ...SALES, rebuilding: true } }));
  expect(await screen.findByText("The figures are being rebuilt")).toBeDefined();
});

test("the API's refusal of a day is at the range", async () => {
  renderSales(() => ({
    status: 422,
    body: { title: "Invalid", detail: "is no day", errors: [{ title: "Invalid", field: "from", detail: "is no day" }] },
  }));
  expect(await screen.findAllByText("is no day")).not.toHaveLength(0);
});

test("a failure is read again on request", async () => {
  let failing = true;
  const page = renderSales(() => {
    if (failing) throw new TypeError("Failed to fetch");
    return { body: SALES };
  });
  expect(await screen.findByText("The server cannot be reached. Check the network.")).toBeDefined();
  failing = false;
  await page.user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("75% of placed")).toBeDefined();
});
