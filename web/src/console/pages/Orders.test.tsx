import { act, screen, within } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { components } from "../../generated/api";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import { Events } from "../live/events";
import Orders from "./Orders";

const ORDER = "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11";
const CUSTOMER = "0b36f2ff-6a5d-4f6c-a5f0-5f5a0e4f3f4e";

const SUMMARY: components["schemas"]["Summary"] = {
  id: ORDER,
  status: "CONFIRMED",
  total: { amount: 1250, currency: "EUR" },
  created_at: "2026-01-01T12:00:00.000Z",
};

afterEach(() => {
  vi.useRealTimers();
});

function renderOrders(routes: Routes = {}, path = "/orders"): RenderedPage {
  return renderPage(
    <Events>
      <Orders />
    </Events>,
    { person: OPERATOR, path, routes },
  );
}

test("an order is found by its id, however it is typed", async () => {
  const page = renderOrders();
  await page.user.type(screen.getByRole("searchbox", { name: "Id of the order" }), ` ${ORDER.toUpperCase()}{Enter}`);
  expect(page.history.at(-1)).toBe(`/orders/${ORDER}`);
});

test("what is no id is refused at its field", async () => {
  const page = renderOrders();
  await page.user.type(screen.getByRole("searchbox", { name: "Id of the order" }), "12");
  await page.user.click(screen.getByRole("button", { name: "Show the order" }));
  expect(screen.getByText(/An id has 32 digits/)).toBeDefined();
  expect(page.history).toEqual(["/orders"]);
});

test("a customer's orders are listed page by page", async () => {
  const page = renderOrders({
    "GET /operators/customers/{id}/orders": ({ query }) =>
      query.get("cursor") === null
        ? { body: { items: [SUMMARY], next: "more" } }
        : { body: { items: [{ ...SUMMARY, id: "another", status: "CANCELLED" }], next: null } },
  });
  await page.user.type(screen.getByRole("searchbox", { name: "Id of the customer" }), `${CUSTOMER}{Enter}`);
  const table = await screen.findByRole("table", { name: "The customer's orders" });
  expect(await within(table).findByRole("link", { name: ORDER })).toBeDefined();
  expect(within(table).getByText("€12.50")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Load more" }));
  expect(await within(table).findByText("Cancelled")).toBeDefined();
  expect(screen.queryByRole("button", { name: "Load more" })).toBeNull();
  expect(page.requests.map(({ params }) => params["id"])).toEqual([CUSTOMER, CUSTOMER]);
  expect(await violations(page.container)).toEqual([]);
});

test("a customer without orders has an empty list", async () => {
  renderOrders(
    { "GET /operators/customers/{id}/orders": () => ({ body: { items: [], next: null } }) },
    `/orders?customer=${CUSTOMER}`,
  );
  expect(await screen.findByText("No orders")).toBeDefined();
});

test("a list that was refused is read again on request", async () => {
  const answers = [
    { status: 503 as const, body: { title: "Unavailable", detail: "The list cannot be read now." } },
    { body: { items: [SUMMARY], next: null } },
  ];
  const page = renderOrders(
    { "GET /operators/customers/{id}/orders": () => answers.shift() ?? { body: { items: [], next: null } } },
    `/orders?customer=${CUSTOMER}`,
  );
  expect(await screen.findByText("The list cannot be read now.")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("link", { name: ORDER })).toBeDefined();
});

test("orders whose events arrive are listed", () => {
  vi.useFakeTimers();
  const page = renderOrders();
  expect(screen.getByText("No orders yet")).toBeDefined();
  page.push({ id: "1", subject: ORDER, type: "OrderPlaced" });
  page.push({ id: "2", subject: ORDER, type: "OrderConfirmed" });
  act(() => {
    vi.advanceTimersByTime(1000);
  });
  const table = screen.getByRole("table", { name: "Recent orders" });
  expect(within(table).getByRole("link", { name: ORDER })).toBeDefined();
  expect(within(table).getByText("OrderConfirmed")).toBeDefined();
});
