import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import type { components } from "../../generated/api";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import Products from "./Products";

const MUG = { sku: "MUG", name: "Blue mug", price: { amount: 1250, currency: "EUR" } } as const;
const CUP = { sku: "CUP", name: "Cup", price: { amount: 900, currency: "EUR" } } as const;
const STOCK = { sku: "MUG", on_hand: 120, reserved: 3, available: 117 };
const NO_STOCK = { status: 404, body: { title: "No stock", status: 404, detail: "The stock was never set." } } as const;
const SHIPMENT: components["schemas"]["ToPick"] = {
  id: "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11",
  lines: [{ sku: "MUG", quantity: 2 }],
  address: { name: "Ada Example", street: "1 Example Street", city: "Berlin", postal_code: "10115", country: "DE" },
  confirmed_at: "2026-03-01T12:00:00.000Z",
};

function renderProducts(routes: Routes, path = "/products"): RenderedPage {
  return renderPage(<Products />, {
    person: OPERATOR,
    path,
    routes: {
      "GET /products": () => ({ body: { items: [MUG, CUP], next: null } }),
      "GET /operators/stock/{sku}": ({ params }) => (params["sku"] === "MUG" ? { body: STOCK } : NO_STOCK),
      "GET /operators/shipments": () => ({ body: { items: [SHIPMENT], next: null } }),
      ...routes,
    },
  });
}

function invalid(field: string, detail: string) {
  return { status: 422 as const, body: { title: "Invalid", detail, field } };
}

async function openNew(page: RenderedPage, sku: string, name: string, amount: string): Promise<void> {
  await page.user.click(await screen.findByRole("button", { name: "New product…" }));
  await page.user.type(screen.getByLabelText("SKU"), sku);
  if (name !== "") await page.user.type(screen.getByLabelText("Name"), name);
  if (amount !== "") await page.user.type(screen.getByLabelText("Price"), amount);
  await page.user.click(screen.getByRole("button", { name: "Save" }));
}

test("a product is listed with its price and its stock", async () => {
  const page = renderProducts({});
  const table = await screen.findByRole("table", { name: "Products" });
  expect(await within(table).findByText("117 of 120")).toBeDefined();
  expect(await within(table).findByText("Never set")).toBeDefined();
  expect(within(table).getByText("€12.50")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("products are read page by page", async () => {
  const page = renderProducts({
    "GET /products": ({ query }) => ({
      body: query.get("cursor") === "next" ? { items: [CUP], next: null } : { items: [MUG], next: "next" },
    }),
  });
  await page.user.click(await screen.findByRole("button", { name: "Show more" }));
  expect(await screen.findByText("Cup")).toBeDefined();
});

test("without products the page says what makes one", async () => {
  renderProducts({ "GET /products": () => ({ body: { items: [], next: null } }) });
  expect(await screen.findByText("No products")).toBeDefined();
});

test("a failed list is read again on request", async () => {
  let failing = true;
  const page = renderProducts({
    "GET /products": () => {
      if (failing) throw new TypeError("Failed to fetch");
      return { body: { items: [MUG], next: null } };
    },
  });
  expect(await screen.findByText("Could not load the products")).toBeDefined();
  failing = false;
  await page.user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Blue mug")).toBeDefined();
});

test("a price is sent in minor units", async () => {
  const page = renderProducts({ "PUT /operators/products/{sku}": () => ({ body: MUG }) });
  await page.user.click(
    await screen.findByText("Name and price", { selector: "[aria-label*='MUG'] *, [aria-label*='MUG']" }),
  );
  const price = screen.getByLabelText("Price");
  expect(price).toHaveProperty("value", "12.50");
  await page.user.clear(price);
  await page.user.type(price, "13.5");
  await page.user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => {
    expect(screen.queryByRole("dialog")).toBeNull();
  });
  const put = page.requests.find(({ method }) => method === "PUT");
  expect([put?.path, put?.body]).toEqual([
    "/operators/products/MUG",
    { name: "Blue mug", price: { amount: 1350, currency: "EUR" } },
  ]);
});

test("a form that is not complete is not sent", async () => {
  const page = renderProducts({});
  await openNew(page, "NEW", "", "12.505");
  expect(screen.getByText("A product has a name.")).toBeDefined();
  expect(screen.getByText("A price in EUR is a number with at most 2 decimals.")).toBeDefined();
  expect(page.requests.some(({ path }) => path === "/products/NEW")).toBe(false);
});

test("a new product does not overwrite another", async () => {
  const page = renderProducts({ "GET /products/{sku}": () => ({ body: CUP }) });
  await openNew(page, "CUP", "Cup", "1");
  expect(await screen.findByText("There is a product with this SKU.")).toBeDefined();
  expect(page.requests.some(({ method }) => method === "PUT")).toBe(false);
});

test.each([
  ["name", "Name"],
  ["price.amount", "Price"],
  ["price.currency", "Currency"],
  ["sku", "SKU"],
])("a problem of the field %s is at the field %s", async (field, label) => {
  const page = renderProducts({
    "GET /products/{sku}": () => ({ status: 404, body: { title: "Unknown", status: 404, detail: "There is none." } }),
    "PUT /operators/products/{sku}": () => invalid(field, "This is not accepted."),
  });
  await openNew(page, "NEW", "New", "1");
  const problem = await screen.findByText("This is not accepted.");
  const described = screen.getByLabelText(label).getAttribute("aria-describedby") ?? "";
  const ids = described.split(" ").map((id) => document.getElementById(id));
  expect(ids.some((element) => element?.contains(problem))).toBe(true);
});

test("the stock is shown before it is set, and a refusal is at its field", async () => {
  const page = renderProducts({ "PUT /operators/stock/{sku}": () => invalid("on_hand", "More units are reserved.") });
  await screen.findByText("117 of 120");
  await page.user.click(screen.getByLabelText("Stock of MUG"));
  const dialog = within(screen.getByRole("dialog"));
  expect(await dialog.findByText("Reserved for orders")).toBeDefined();
  await page.user.click(dialog.getByRole("button", { name: "Set the stock" }));
  expect(dialog.getByText("Enter a whole number from 0.")).toBeDefined();
  await page.user.type(dialog.getByLabelText("Units on hand"), "2");
  await page.user.click(dialog.getByRole("button", { name: "Set the stock" }));
  expect(await dialog.findByText("More units are reserved.")).toBeDefined();
});

test("the changes of a product are shown page by page, latest first", async () => {
  const page = renderProducts({
    "GET /operators/products/{sku}/timeline": ({ query }) => ({
      body:
        query.get("cursor") === "next"
          ? { sku: "MUG", events: [change("1", "ProductListed", { name: "Blue mug", price: MUG.price })], next: null }
          : { sku: "MUG", events: [change("2", "StockAdjusted", { difference: -2, on_hand: 118 })], next: "next" },
    }),
  });
  await page.user.click(await screen.findByLabelText("Changes of MUG"));
  const dialog = within(screen.getByRole("dialog"));
  expect(await dialog.findByText("118 on hand (-2)")).toBeDefined();
  await page.user.click(dialog.getByRole("button", { name: "Show more" }));
  expect(await dialog.findByText("Offered as “Blue mug” for €12.50")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

function change(id: string, type: string, data: unknown): components["schemas"]["TimelineEvent"] {
  return { id, type, source: "orders", time: "2026-03-01T12:00:00.000Z", causationid: null, delay_ms: null, data };
}

test("the stock that was set is shown", async () => {
  const page = renderProducts({
    "PUT /operators/stock/{sku}": ({ body }) => {
      const { on_hand: onHand } = body as { on_hand: number };
      return { body: { sku: "CUP", on_hand: onHand, reserved: 0, available: onHand } };
    },
  });
  await screen.findByText("Never set");
  await page.user.click(screen.getByLabelText("Stock of CUP"));
  expect(await screen.findByText(/was never set, so it cannot be ordered/)).toBeDefined();
  await page.user.type(screen.getByLabelText("Units on hand"), "40");
  await page.user.click(screen.getByRole("button", { name: "Set the stock" }));
  expect(await screen.findByText("40 of 40")).toBeDefined();
});

test("a dispatched shipment leaves the list", async () => {
  let dispatched: unknown;
  const page = renderProducts(
    {
      "GET /operators/shipments": () => ({ body: { items: dispatched === undefined ? [SHIPMENT] : [], next: null } }),
      "POST /operators/shipments/{id}/dispatch": ({ body, params }) => {
        dispatched = body;
        return { body: { id: params["id"] ?? "", status: "dispatched", lines: [], tracking: "T1" } };
      },
    },
    "/products?tab=shipments",
  );
  await page.user.click(await screen.findByRole("button", { name: `Dispatch order ${SHIPMENT.id}` }));
  await page.user.type(screen.getByLabelText(/Tracking code/), "T1");
  await page.user.click(screen.getByRole("button", { name: "Dispatch" }));
  expect(await screen.findByText("Nothing to pick")).toBeDefined();
  expect(dispatched).toEqual({ tracking: "T1" });
});

test("an order that is not paid is not dispatched", async () => {
  const page = renderProducts(
    {
      "POST /operators/shipments/{id}/dispatch": () => ({
        status: 409,
        body: { title: "Not paid", detail: "The payment is not captured yet." },
      }),
    },
    "/products?tab=shipments",
  );
  await page.user.click(await screen.findByRole("button", { name: `Dispatch order ${SHIPMENT.id}` }));
  await page.user.click(screen.getByRole("button", { name: "Dispatch" }));
  expect(await screen.findByText("The payment is not captured yet.")).toBeDefined();
});

test("an erased address is not shown as one", async () => {
  renderProducts(
    { "GET /operators/shipments": () => ({ body: { items: [{ ...SHIPMENT, address: null }], next: null } }) },
    "/products?tab=shipments",
  );
  expect(await screen.findByText("Erased")).toBeDefined();
});

test("events of orders and a connection that is open again read the shipments once more", async () => {
  const page = renderProducts({}, "/products?tab=shipments");
  await screen.findByText("2 × MUG");
  const count = () => page.requests.filter(({ path }) => path === "/operators/shipments").length;
  const before = count();
  vi.useFakeTimers();
  page.push({ type: "OrderConfirmed" });
  page.push({ type: "OrderCancelled" });
  page.push({ type: "StockReserved" });
  await act(() => vi.advanceTimersByTimeAsync(1000));
  expect(count()).toBe(before + 1);
  page.setLive("lost");
  page.setLive("connected");
  await act(() => vi.advanceTimersByTimeAsync(0));
  expect(count()).toBe(before + 2);
  vi.useRealTimers();
});
