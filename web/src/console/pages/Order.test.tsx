import { act, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import type { Action, DeadLetter, Order as OrderData, Payment, Timeline } from "../order/queries";
import Order from "./Order";

const ID = "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11";
const TIME = "2026-01-01T12:00:00.000Z";
const EUR = (amount: number) => ({ amount, currency: "EUR" }) as const;

const ORDER: OrderData = {
  id: ID,
  status: "CONFIRMED",
  lines: [{ sku: "mug-blue", quantity: 2, price: EUR(1250) }],
  total: EUR(2500),
  created_at: TIME,
  waiting_for: [],
  reason: null,
  dispute: null,
};

const PAYMENT: Payment = {
  status: "captured",
  payment: "pi_1",
  amount: EUR(2500),
  left: EUR(2500),
  due: null,
  refunds: [],
  disputes: [],
};

const PLACED: Timeline["events"][number] = {
  id: "event-1",
  type: "OrderPlaced",
  source: "orders",
  time: TIME,
  causationid: null,
  delay_ms: null,
  data: { payment_method: "pm_ok" },
};

const AUTHORIZED: Timeline["events"][number] = {
  ...PLACED,
  id: "event-2",
  type: "PaymentAuthorized",
  source: "payment",
  time: "2026-01-01T12:00:00.320Z",
  causationid: "event-1",
  delay_ms: 320,
  data: { payment: "pi_1" },
};

const LETTER: DeadLetter = {
  id: "m-1",
  service: "loyalty",
  kind: "dlq",
  event: "event-9",
  order: ID,
  type: "OrderConfirmed",
  reason: "gave-up",
  detail: "KeyError",
  sent_at: TIME,
  receives: 5,
  remedy: { action: "redrive", first: "Mend the handler" },
  since: null,
};

const ACTION: Action = {
  id: "a-1",
  action: "redrive",
  who: "operator-1",
  time: TIME,
  service: "loyalty",
  subject: null,
  orders: ["another", ID],
  more_orders: 60,
  details: {
    kind: "dlq",
    reason: null,
    outcome: "done",
    messages: 3,
    reasons: {},
    refused: 0,
    left: 1,
    truncated: false,
    problem: null,
  },
};

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
    shouldAdvanceTime: true,
  });
});

afterEach(() => {
  vi.useRealTimers();
});

function renderOrder(routes: Routes = {}): RenderedPage {
  return renderPage(<Order id={ID} />, {
    person: OPERATOR,
    path: `/orders/${ID}`,
    routes: {
      "GET /operators/orders/{id}": () => ({ body: ORDER }),
      "GET /operators/orders/{id}/payment": () => ({ body: PAYMENT }),
      "GET /operators/orders/{id}/timeline": () => ({ body: { order_id: ID, events: [PLACED, AUTHORIZED] } }),
      "GET /operators/dead-letters": () => ({ body: { items: [], truncated: false, held: 0 } }),
      "GET /operators/actions": () => ({ body: { items: [], next: null } }),
      ...routes,
    },
  });
}

/** Lets time pass, with the answers that come meanwhile. */
async function pass(milliseconds: number): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(milliseconds));
}

function count({ requests }: RenderedPage, path: string): number {
  return requests.filter((request) => request.path === path && request.method === "GET").length;
}

/** Presses a button of the page, and then those of the dialog that opens. */
async function press(page: RenderedPage, name: string, inDialog?: string): Promise<void> {
  await page.user.click(await screen.findByRole("button", { name }));
  if (inDialog === undefined) return;
  expect(await violations(screen.getByRole("dialog"))).toEqual([]);
  await page.user.click(within(screen.getByRole("dialog")).getByRole("button", { name: inDialog }));
}

test("an order is shown with its payment and its events", async () => {
  const page = renderOrder();
  expect(await screen.findByText("Confirmed")).toBeDefined();
  expect(await screen.findByText("Captured")).toBeDefined();
  expect(
    await screen.findByRole("option", { name: "PaymentAuthorized +320 ms after its cause, by payment" }),
  ).toBeDefined();
  expect(await screen.findByText("No dead letters")).toBeDefined();
  expect(await screen.findByText("No recorded actions")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("a pending order shows what it waits for, and a cancelled one why", async () => {
  const page = renderOrder({
    "GET /operators/orders/{id}": () => ({ body: { ...ORDER, status: "PENDING", waiting_for: ["payment", "stock"] } }),
  });
  expect(await screen.findByText("Payment, stock")).toBeDefined();
  page.unmount();
  renderOrder({
    "GET /operators/orders/{id}": () => ({ body: { ...ORDER, status: "CANCELLED", reason: "out_of_stock" } }),
  });
  expect(await screen.findByText("Out of stock")).toBeDefined();
});

test("a selected event shows its data, its cause and its effects", async () => {
  const page = renderOrder();
  await page.user.click(await screen.findByRole("option", { name: /PaymentAuthorized/ }));
  const details = screen.getByRole("region", { name: "Event PaymentAuthorized" });
  expect(within(details).getByText(/"payment": "pi_1"/)).toBeDefined();
  await page.user.click(within(details).getByText("OrderPlaced"));
  const cause = screen.getByRole("region", { name: "Event OrderPlaced" });
  expect(within(cause).getByText("PaymentAuthorized")).toBeDefined();
  expect(within(cause).getByText("A request or a job")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("arrow keys move the selection in time", async () => {
  const page = renderOrder();
  (await screen.findByRole("option", { name: /OrderPlaced/ })).focus();
  await page.user.keyboard("{ArrowRight}");
  const next = screen.getByRole("option", { name: /PaymentAuthorized/, selected: true });
  expect(document.activeElement).toBe(next);
  await page.user.keyboard("{Home}");
  expect(screen.getByRole("option", { name: /OrderPlaced/, selected: true })).toBeDefined();
});

test("the timeline is a table, too", async () => {
  const page = renderOrder();
  await screen.findByRole("option", { name: /OrderPlaced/ });
  await page.user.click(screen.getByRole("button", { name: "Table" }));
  const table = screen.getByRole("table", { name: "Events of the order" });
  const row = within(table).getByRole("row", { name: /PaymentAuthorized/ });
  expect(row.textContent).toContain("320 ms");
  await page.user.click(within(row).getByText("PaymentAuthorized"));
  expect(screen.getByRole("region", { name: "Event PaymentAuthorized" })).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("an unknown order has a problem, and nothing else", async () => {
  renderOrder({
    "GET /operators/orders/{id}": () => ({
      status: 404,
      body: { status: 404, title: "Unknown order", detail: "No order was ever placed under this id." },
    }),
  });
  expect(await screen.findByText("No order was ever placed under this id.")).toBeDefined();
  expect(screen.queryByRole("heading", { name: "Payment" })).toBeNull();
});

test("a part that could not be read is read again on request, and the others are shown", async () => {
  const problem = { status: 503 as const, body: { title: "Unavailable", detail: "The log cannot be read now." } };
  const answers = [problem];
  const page = renderOrder({
    "GET /operators/orders/{id}/timeline": () => answers.shift() ?? { body: { order_id: ID, events: [PLACED] } },
  });
  expect(await screen.findByText("The log cannot be read now.")).toBeDefined();
  expect(await screen.findByText("Captured")).toBeDefined();
  await press(page, "Try again");
  expect(await screen.findByRole("option", { name: /OrderPlaced/ })).toBeDefined();
});

test("a payment and a timeline that have not begun are empty", async () => {
  const unknown = { status: 404 as const, body: { status: 404, title: "Unknown", detail: "It has not begun." } };
  renderOrder({
    "GET /operators/orders/{id}/payment": () => unknown,
    "GET /operators/orders/{id}/timeline": () => unknown,
  });
  expect(await screen.findByText("No payment yet")).toBeDefined();
  expect(await screen.findByText("No events yet")).toBeDefined();
});

test("the order is read again when one of its events arrives, once for events that come together", async () => {
  const page = renderOrder();
  await screen.findByText("Confirmed");
  const before = count(page, `/operators/orders/${ID}`);
  page.push({ id: "event-1", subject: ID });
  page.push({ id: "event-2", subject: ID });
  page.push({ id: "another", subject: "another-order" });
  await pass(2000);
  expect(count(page, `/operators/orders/${ID}`)).toBe(before + 1);
});

test("an event causes no list of dead letters, and the return of a connection does", async () => {
  const page = renderOrder();
  await screen.findByText("No dead letters");
  const before = count(page, "/operators/dead-letters");
  page.push({ id: "event-1", subject: ID });
  await pass(2000);
  expect(count(page, "/operators/dead-letters")).toBe(before);
  page.setLive("lost");
  page.setLive("connected");
  await pass(100);
  expect(count(page, "/operators/dead-letters")).toBe(before + 1);
});

test("the customer whom the first event names is a link to the customer's orders", async () => {
  const page = renderOrder({
    "GET /operators/orders/{id}/timeline": () => ({
      body: { order_id: ID, events: [{ ...PLACED, data: { customer: "customer-1" } }] },
    }),
  });
  await page.user.click(await screen.findByRole("link", { name: "customer-1" }));
  expect(page.history.at(-1)).toBe("/orders?customer=customer-1");
});

test("the timeline is read until it has an event that was announced", async () => {
  const answers = [[PLACED], [PLACED], [PLACED], [PLACED, AUTHORIZED]];
  const page = renderOrder({
    "GET /operators/orders/{id}/timeline": () => ({
      body: { order_id: ID, events: (answers.length > 1 ? answers.shift() : answers[0]) ?? [] },
    }),
  });
  await screen.findByRole("option", { name: /OrderPlaced/ });
  page.push({ id: "event-2", subject: ID });
  await pass(5000);
  expect(screen.getByRole("option", { name: /PaymentAuthorized/ })).toBeDefined();
  const path = `/operators/orders/${ID}/timeline`;
  const read = count(page, path);
  await pass(20_000);
  expect(count(page, path)).toBe(read);
});

test("the order is read again when a lost connection is back", async () => {
  const page = renderOrder();
  await screen.findByText("Confirmed");
  page.setLive("lost");
  await pass(2000);
  const before = count(page, `/operators/orders/${ID}`);
  page.setLive("connected");
  await pass(100);
  expect(count(page, `/operators/orders/${ID}`)).toBe(before + 1);
});

test.each([
  ["PENDING" as const, 1],
  ["CONFIRMED" as const, 0],
])("a %s order is read again %d times within half a minute", async (status, times) => {
  const page = renderOrder({ "GET /operators/orders/{id}": () => ({ body: { ...ORDER, status } }) });
  await screen.findByRole("heading", { name: "Summary" });
  const before = count(page, `/operators/orders/${ID}`);
  await pass(31_000);
  expect(count(page, `/operators/orders/${ID}`)).toBe(before + times);
});

test("an order is cancelled after a question, and read again", async () => {
  let status: OrderData["status"] = "CONFIRMED";
  const page = renderOrder({
    "GET /operators/orders/{id}": () => ({ body: { ...ORDER, status } }),
    "POST /operators/orders/{id}/cancellation": () => {
      status = "CANCELLED";
      return { status: 202, body: { ...ORDER, status } };
    },
  });
  await press(page, "Cancel the order", "Cancel the order");
  expect(await screen.findByText("Cancelled")).toBeDefined();
});

test("a refused cancellation says why, and the question stays", async () => {
  const page = renderOrder({
    "POST /operators/orders/{id}/cancellation": () => ({
      status: 409,
      body: { title: "Dispatched", detail: "The goods have left." },
    }),
  });
  await press(page, "Cancel the order", "Cancel the order");
  expect(await screen.findByText("The goods have left.")).toBeDefined();
  await page.user.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Back" }));
  expect(screen.queryByText("The goods have left.")).toBeNull();
});

test("an order is dispatched with a tracking code, and the API's problem is at its field", async () => {
  const page = renderOrder({
    "POST /operators/shipments/{id}/dispatch": () => ({
      status: 422,
      body: { title: "Not valid", detail: "Use letters and digits.", field: "tracking" },
    }),
  });
  await press(page, "Dispatch");
  const field = screen.getByRole("textbox", { name: /Tracking code/ });
  await page.user.type(field, "DHL-1{Enter}");
  expect(await screen.findByText("Use letters and digits.")).toBeDefined();
  expect(field.getAttribute("aria-invalid")).toBe("true");
  expect(page.requests.at(-1)?.body).toEqual({ tracking: "DHL-1" });
});

test("a refund is requested in minor units, with the same key for a repeat and another one for another amount", async () => {
  const page = renderOrder({
    "POST /operators/orders/{id}/refunds": ({ body }) => ({
      status: 409,
      body: { title: "Too much", detail: "At most 25.00 EUR are left.", field: "amount", body },
    }),
  });
  await press(page, "Refund");
  const field = screen.getByRole("textbox", { name: "Amount in EUR" });
  expect((field as HTMLInputElement).value).toBe("25.00");
  await page.user.type(field, "{Enter}");
  expect(await screen.findByText("At most 25.00 EUR are left.")).toBeDefined();
  expect(field.getAttribute("aria-invalid")).toBe("true");
  await page.user.type(field, "{Enter}");
  await page.user.clear(field);
  await page.user.type(field, "7.90{Enter}");
  await vi.waitFor(() => {
    expect(page.requests.filter(({ method }) => method === "POST")).toHaveLength(3);
  });
  const posted = page.requests.filter(({ method }) => method === "POST");
  expect(posted.map(({ body }) => body)).toEqual([
    { amount: EUR(2500), reason: "returned" },
    { amount: EUR(2500), reason: "returned" },
    { amount: EUR(790), reason: "returned" },
  ]);
  const keys = posted.map(({ headers }) => headers.get("Idempotency-Key"));
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

const REFUND: Payment["refunds"][number] = {
  id: "refund-1",
  payment: "pi_1",
  amount: EUR(790),
  reason: "damaged",
  status: "failed",
  attempt: 1,
  code: "expired_card",
  at: TIME,
};

test("a repeat after a lost answer and a reload is the same refund, and a later one is another", async () => {
  const keys: (string | null)[] = [];
  for (const isLost of [true, false, false]) {
    const page = renderOrder({
      "POST /operators/orders/{id}/refunds": ({ headers }) => {
        keys.push(headers.get("Idempotency-Key"));
        if (isLost) throw new TypeError("Failed to fetch");
        return { status: 202, body: REFUND };
      },
    });
    await press(page, "Refund");
    await page.user.type(screen.getByRole("textbox", { name: "Amount in EUR" }), "{Enter}");
    if (isLost) expect(await screen.findByText("The refund could not be requested")).toBeDefined();
    else {
      await vi.waitFor(() => {
        expect(screen.queryByRole("dialog")).toBeNull();
      });
    }
    page.unmount();
  }
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});

test("an order without dead letters is not said to be handled by all services", async () => {
  renderOrder();
  expect(await screen.findByText(/One that is still being tried is not shown here/)).toBeDefined();
});

test("what is no amount is refused at its field, and not sent", async () => {
  const page = renderOrder();
  await press(page, "Refund");
  const field = screen.getByRole("textbox", { name: "Amount in EUR" });
  await page.user.clear(field);
  await page.user.type(field, "ten{Enter}");
  expect(screen.getByText("Enter an amount such as 25.00.")).toBeDefined();
  expect(page.requests.some(({ method }) => method === "POST")).toBe(false);
});

test.each([
  ["Try again", "attempts" as const],
  ["Settle", "settlement" as const],
])("a failed refund has the action %s", async (action, route) => {
  const page = renderOrder({
    "GET /operators/orders/{id}/payment": () => ({ body: { ...PAYMENT, refunds: [REFUND] } }),
    [`POST /operators/orders/{id}/refunds/{refund}/${route}`]: () => ({ status: 202, body: REFUND }),
  });
  expect(await screen.findByText(/expired_card/)).toBeDefined();
  await press(page, action, action);
  await vi.waitFor(() => {
    expect(page.requests.some(({ path }) => path === `/operators/orders/${ID}/refunds/refund-1/${route}`)).toBe(true);
  });
});

test("the order's dead letters are redriven, and what became of them is shown", async () => {
  const page = renderOrder({
    "GET /operators/dead-letters": () => ({ body: { items: [LETTER], truncated: true, held: 0 } }),
    "POST /operators/dead-letters/{service}/redrive": () => ({
      body: {
        matched: 1,
        done: 1,
        left: 1,
        ids: ["m-1"],
        reasons: {},
        refused: {},
        missing: [],
        truncated: false,
        action: "a-1",
      },
    }),
  });
  expect(await screen.findByText("Mend the handler, then redrive it.")).toBeDefined();
  expect(screen.getByText(/More may be about this order/)).toBeDefined();
  await press(page, "Redrive", "Redrive");
  expect(await screen.findByText(/1 message was sent again. 1 is still there/)).toBeDefined();
  const posted = page.requests.find(({ method }) => method === "POST");
  expect(posted?.params["service"]).toBe("loyalty");
  expect(posted?.body).toEqual({ kind: "dlq", ids: ["m-1"], reason: null, order: ID, dry_run: false });
  expect(page.requests.find(({ path }) => path === "/operators/dead-letters")?.query.get("order")).toBe(ID);
});

test("the actions on this order are listed, however its messages were selected", async () => {
  const page = renderOrder({
    "GET /operators/actions": ({ query }) => ({
      body: query.has("cursor")
        ? { items: [ACTION, { ...ACTION, id: "a-2", who: OPERATOR.id, orders: [ID], more_orders: 0 }], next: null }
        : { items: [], next: "more" },
    }),
  });
  const table = await screen.findByRole("table", { name: "Recorded actions" });
  const rows = within(table).getAllByRole("row").slice(1);
  expect(rows.map(({ textContent }) => textContent)).toEqual([
    expect.stringContaining("3, of this and 61 other ordersOperator operator"),
    expect.stringContaining("3You"),
  ]);
  expect(
    page.requests.filter(({ path }) => path === "/operators/actions").map(({ query }) => query.get("order")),
  ).toEqual([ID, ID]);
});

test("if there are too many actions to look through all, the page says so", async () => {
  renderOrder({ "GET /operators/actions": () => ({ body: { items: [], next: "more" } }) });
  expect(await screen.findByText("None of the latest 1,000 actions concerned this order.")).toBeDefined();
});

test("dead letters that another request holds are not said to be handled", async () => {
  renderOrder({ "GET /operators/dead-letters": () => ({ body: { items: [], truncated: true, held: 2 } }) });
  expect(await screen.findByText(/Another request holds about 2 dead letters/)).toBeDefined();
  expect(screen.queryByText("No dead letters")).toBeNull();
});

test("a dead letter that another operator has redriven does not hold up the others", async () => {
  const other: DeadLetter = { ...LETTER, id: "m-2", service: "payment" };
  const page = renderOrder({
    "GET /operators/dead-letters": () => ({ body: { items: [LETTER, other], truncated: false, held: 0 } }),
    "POST /operators/dead-letters/{service}/redrive": ({ params }) =>
      params["service"] === "loyalty"
        ? { status: 404, body: { title: "No such dead letter", status: 404 } }
        : {
            body: {
              matched: 1,
              done: 1,
              left: 0,
              ids: ["m-2"],
              reasons: {},
              refused: {},
              missing: [],
              truncated: false,
              action: "a-1",
            },
          },
  });
  await screen.findAllByText("Mend the handler, then redrive it.");
  await press(page, "Redrive", "Redrive");
  expect(await screen.findByText("1 message was sent again.")).toBeDefined();
});
