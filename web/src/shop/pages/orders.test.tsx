import { screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { formatMoney } from "../../shared/money";
import { CUSTOMER, renderPage, type Routes, violations } from "../../shared/testing";
import { ID, ORDER, PAYMENT, PRODUCTS, sampleEvent, sampleProblem } from "../samples";
import { Shop } from "../Shop";
import type { Order, Payment, TimelineEvent } from "../words";

const euros = (amount: number) => formatMoney({ amount, currency: "EUR" });

/** What the API says about the order, which a test changes. */
interface World {
  order: Order;
  payment: Payment | null;
  events: TimelineEvent[];
}

beforeEach(() => {
  // Nothing is read again by time, so events and the connection must have done it.
  vi.useFakeTimers({ toFake: ["setInterval"] });
});

afterEach(() => {
  vi.useRealTimers();
});

function showOrder(world: World, more: Routes = {}) {
  return renderPage(<Shop />, {
    person: CUSTOMER,
    path: `/orders/${ID}`,
    routes: {
      ...PRODUCTS,
      "GET /orders/{id}": () => ({ body: world.order }),
      "GET /orders/{id}/timeline": () => ({ body: { order_id: ID, events: world.events } }),
      "GET /orders/{id}/payment": () =>
        world.payment === null ? sampleProblem(404, "No such payment") : { body: world.payment },
      ...more,
    },
  });
}

test("an order changes as events arrive, without a reload", async () => {
  const world: World = { order: ORDER, payment: null, events: [sampleEvent("OrderPlaced", "orders")] };
  const { push, container } = showOrder(world);
  expect(await screen.findByText("We are reserving your goods.")).toBeDefined();
  expect(await screen.findByText("You placed the order.")).toBeDefined();
  expect(screen.getByText("Confirmed").getAttribute("aria-current")).toBe("step");
  expect(await screen.findByRole("link", { name: "Blue mug" })).toBeDefined();
  expect(await violations(container)).toEqual([]);

  world.order = { ...ORDER, status: "CONFIRMED", waiting_for: [] };
  world.payment = PAYMENT;
  const points = { customer: CUSTOMER.id, points: 25 };
  world.events.push(sampleEvent("OrderConfirmed", "orders"), sampleEvent("PointsAwarded", "loyalty", points));
  push({ type: "OrderConfirmed", subject: ID });
  expect(await screen.findByText("The order is confirmed.")).toBeDefined();
  expect(screen.queryByText("We are reserving your goods.")).toBeNull();
  expect(screen.getByText("On its way").getAttribute("aria-current")).toBe("step");
  expect(screen.getByText("You earned 25 points with this order.")).toBeDefined();
});

test("what has not begun is not asked for, and the placing is shown", async () => {
  const world: World = { order: ORDER, payment: null, events: [] };
  const { push, requests } = showOrder(world);
  expect(await screen.findByText("You placed the order.")).toBeDefined();
  await screen.findByRole("link", { name: "Blue mug" });
  const paths = () => new Set(requests.map(({ path }) => path.replace(ID, "{id}")));
  expect([...paths()]).toEqual(["/orders/{id}", "/products/mug"]);

  world.order = { ...ORDER, waiting_for: ["payment"] };
  world.events.push(sampleEvent("OrderPlaced", "orders"), sampleEvent("StockReserved", "inventory"));
  push({ type: "StockReserved", subject: ID });
  expect(await screen.findByText("Your goods are reserved.")).toBeDefined();
  expect([...paths()].slice(2)).toEqual(["/orders/{id}/timeline"]);

  world.payment = { ...PAYMENT, status: "processing" };
  world.events.push(sampleEvent("PaymentProcessing", "payment", { amount: ORDER.total }));
  push({ type: "PaymentProcessing", subject: ID });
  await vi.waitFor(() => {
    expect([...paths()].slice(3)).toEqual(["/orders/{id}/payment"]);
  });
});

test("a timeline that is not recorded yet begins with the placing", async () => {
  showOrder(
    { order: { ...ORDER, waiting_for: ["stock"] }, payment: null, events: [] },
    { "GET /orders/{id}/timeline": () => sampleProblem(404, "No such order") },
  );
  expect(await screen.findByText("You placed the order.")).toBeDefined();
});

test("an event of another order reads nothing of this one", async () => {
  const { push, requests } = showOrder({ order: ORDER, payment: null, events: [] });
  await screen.findByText("You placed the order.");
  const before = requests.length;
  push({ type: "OrderConfirmed", subject: "another" });
  expect(requests).toHaveLength(before);
});

test("an order is read again when the connection is back", async () => {
  const world: World = { order: ORDER, payment: null, events: [] };
  const { setLive } = showOrder(world);
  await screen.findByText("We are reserving your goods.");
  setLive("lost");
  expect(screen.getByText(/^Live updates are interrupted/)).toBeDefined();
  world.order = { ...ORDER, status: "CANCELLED", reason: "out_of_stock", waiting_for: [] };
  setLive("connected");
  expect(await screen.findByText("Not all of its goods are in stock.")).toBeDefined();
  expect(screen.queryByText(/^Live updates are interrupted/)).toBeNull();
});

test("a payment that needs an approval leads to the simulated bank in a new tab", async () => {
  const approval = { publishable_key: "", client_secret: "secret", url: "https://bank.test/?client_secret=secret" };
  const { container } = showOrder({
    order: { ...ORDER, waiting_for: ["payment"] },
    payment: { ...PAYMENT, status: "action_required", approval },
    events: [sampleEvent("PaymentActionRequired", "payment", { amount: ORDER.total })],
  });
  const link = await screen.findByRole("link", { name: "Go to your bank (in a new tab)" });
  expect([link.getAttribute("href"), link.getAttribute("target")]).toEqual([approval.url, "_blank"]);
  expect(screen.getByText("Your bank asks you to approve the payment.")).toBeDefined();
  expect(await violations(container)).toEqual([]);
});

test("an order is cancelled after a question", async () => {
  const world: World = { order: ORDER, payment: null, events: [] };
  const { user, requests, container } = showOrder(world, {
    "POST /orders/{id}/cancellation": () => {
      world.order = { ...ORDER, status: "CANCELLED", reason: "customer", waiting_for: [] };
      return { status: 202, body: world.order };
    },
  });
  await user.click(await screen.findByRole("button", { name: "Cancel the order" }));
  const dialog = screen.getByRole("dialog", { name: "Cancel this order?" });
  expect(await violations(container)).toEqual([]);
  expect(requests.some(({ method }) => method === "POST")).toBe(false);
  await user.click(within(dialog).getByRole("button", { name: "Cancel the order" }));
  expect(await screen.findByText("You cancelled it.")).toBeDefined();
  expect(screen.queryByRole("button", { name: "Cancel the order" })).toBeNull();
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Your order" }));
});

test("an order is kept if the answer to the question is no", async () => {
  const { user, requests } = showOrder({ order: ORDER, payment: null, events: [] });
  await user.click(await screen.findByRole("button", { name: "Cancel the order" }));
  await user.click(screen.getByRole("button", { name: "Keep it" }));
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(requests.some(({ method }) => method === "POST")).toBe(false);
});

test("an order that has left says why it cannot be cancelled", async () => {
  const { user } = showOrder(
    { order: { ...ORDER, status: "CONFIRMED", waiting_for: [] }, payment: PAYMENT, events: [] },
    { "POST /orders/{id}/cancellation": () => sampleProblem(409, "The goods have left") },
  );
  await user.click(await screen.findByRole("button", { name: "Cancel the order" }));
  const dialog = screen.getByRole("dialog");
  await user.click(within(dialog).getByRole("button", { name: "Cancel the order" }));
  expect((await within(dialog).findByRole("alert")).textContent).toBe("The goods have left.");
});

test("an order is read again by time, too", async () => {
  const world: World = { order: ORDER, payment: null, events: [] };
  showOrder(world);
  await screen.findByText("We are reserving your goods.");
  world.order = { ...ORDER, waiting_for: ["payment"] };
  await vi.advanceTimersByTimeAsync(1_500);
  await vi.waitFor(() => {
    expect(screen.queryByText("We are reserving your goods.")).toBeNull();
  });
});

test("refunds and disputes are shown", async () => {
  const amount = { amount: 500, currency: "EUR" } as const;
  showOrder({
    order: { ...ORDER, status: "DISPATCHED", waiting_for: [], dispute: "open" },
    payment: { ...PAYMENT, refunds: [{ id: "r", amount, status: "pending", at: ORDER.created_at }] },
    events: [],
  });
  expect(await screen.findByText(`A refund of ${euros(500)} is under way.`)).toBeDefined();
  expect(screen.getByText("Your bank is examining your objection to this payment.")).toBeDefined();
  expect(screen.queryByRole("button", { name: "Cancel the order" })).toBeNull();
});

test("an order that the caller does not have does not exist", async () => {
  renderPage(<Shop />, {
    person: CUSTOMER,
    path: `/orders/${ID}`,
    // Nothing more is asked about an order that does not exist.
    routes: { "GET /orders/{id}": () => sampleProblem(404, "No such order") },
  });
  expect(await screen.findByRole("heading", { name: "There is no such order" })).toBeDefined();
});

test("an address whose id has not the form of one leads on", async () => {
  const field = { field: "id", detail: "An order's id is a UUID in lower case." };
  renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/orders/x",
    routes: { "GET /orders/{id}": () => sampleProblem(422, "Not valid", field) },
  });
  expect(await screen.findByRole("heading", { name: "There is no such order" })).toBeDefined();
  expect(screen.getByRole("link", { name: "See the products" })).toBeDefined();
  expect(screen.queryByText(/UUID/)).toBeNull();
});

test("a timeline that could not be loaded leaves the order in place", async () => {
  showOrder(
    { order: { ...ORDER, waiting_for: ["stock"] }, payment: null, events: [] },
    { "GET /orders/{id}/timeline": () => sampleProblem(503, "Busy") },
  );
  expect(await screen.findByText("We could not load what happened.")).toBeDefined();
  expect(screen.getByText("We are reserving your goods.")).toBeDefined();
});

test("own orders are listed, the newest first, page by page", async () => {
  const order = (id: string, status: Order["status"]) => ({
    id,
    status,
    total: ORDER.total,
    created_at: ORDER.created_at,
  });
  const { user, container } = renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/orders",
    routes: {
      "GET /orders": ({ query }) =>
        query.get("cursor") === "abc"
          ? { body: { items: [order("two", "CANCELLED")], next: null } }
          : { body: { items: [order("one", "PENDING")], next: "abc" } },
    },
  });
  expect(await screen.findByText("In progress")).toBeDefined();
  expect(await violations(container)).toEqual([]);
  await user.click(screen.getByRole("button", { name: "Show more orders" }));
  expect((await screen.findByText("Cancelled")).closest("a")?.getAttribute("href")).toBe("/orders/two");
});

test.each(["an event", "time"])("the list of orders changes by %s", async (cause) => {
  let status: Order["status"] = "PENDING";
  const { push } = renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/orders",
    routes: {
      "GET /orders": () => ({
        body: { items: [{ id: ID, status, total: ORDER.total, created_at: ORDER.created_at }], next: null },
      }),
    },
  });
  await screen.findByText("In progress");
  status = "CONFIRMED";
  if (cause === "time") await vi.advanceTimersByTimeAsync(30_000);
  else push({ type: "OrderConfirmed", subject: ID });
  await vi.waitFor(() => {
    expect(screen.getByText("Confirmed")).toBeDefined();
  });
});

test("a customer without orders learns so", async () => {
  renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/orders",
    routes: { "GET /orders": () => ({ body: { items: [], next: null } }) },
  });
  expect(await screen.findByText("You have not ordered anything yet")).toBeDefined();
});

test.each(["/orders", `/orders/${ID}`, "/account"])("%s is for people who are signed in", async (path) => {
  const { user, session, container } = renderPage(<Shop />, { path });
  const [, button = document.body] = screen.getAllByRole("button", { name: "Sign in" });
  expect(await violations(container)).toEqual([]);
  await user.click(button);
  expect(session.signIn).toHaveBeenCalledWith(path);
});
