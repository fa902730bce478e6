import { screen, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import type { DeadLetter } from "../failures/failures";
import Failures from "./Failures";

const LETTER: DeadLetter = {
  id: "m-1",
  service: "payment",
  kind: "dlq",
  event: "orders/3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11/1",
  order: "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11",
  type: "OrderPlaced",
  reason: "gave-up",
  sent_at: "2026-03-01T12:00:00.000Z",
  receives: 3,
  detail: "the gateway did not answer",
  remedy: { action: "redrive", first: "" },
  since: null,
};
const FRAUD: DeadLetter = {
  ...LETTER,
  id: "m-2",
  service: "fraud",
  event: null,
  type: null,
  reason: "undecodable",
  remedy: { action: "drop", first: "" },
};
const RELAY: DeadLetter = {
  ...LETTER,
  id: "m-3",
  kind: "relay",
  type: "PaymentFailed",
  reason: "not-relayed",
  remedy: null,
};
const CHANGED = { reasons: {}, refused: {}, missing: [] as string[], truncated: false, action: null };

function renderFailures(routes: Routes, path = "/failures"): RenderedPage {
  return renderPage(<Failures />, {
    person: OPERATOR,
    path,
    routes: {
      "GET /operators/dead-letters": () => ({ body: { items: [LETTER, FRAUD, RELAY], truncated: false, held: 0 } }),
      "GET /operators/actions": () => ({ body: { items: [], next: null } }),
      ...routes,
    },
  });
}

async function select(page: RenderedPage, ...names: string[]): Promise<void> {
  for (const name of names) await page.user.click(await screen.findByRole("checkbox", { name: `Select ${name}` }));
}

test("the dead letters of all services are listed with their reasons", async () => {
  const page = renderFailures({});
  expect(await screen.findByText("gave-up 1, undecodable 1, not-relayed 1")).toBeDefined();
  const table = screen.getByRole("table", { name: "Dead letters" });
  expect(within(table).getAllByRole("row")).toHaveLength(4);
  expect(await screen.findByText("No actions")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("the filter is that of the address, and the API applies it", async () => {
  const page = renderFailures({}, "/failures?service=payment&kind=dlq&order=1");
  await screen.findByRole("table", { name: "Dead letters" });
  const query = page.requests.find(({ path }) => path === "/operators/dead-letters")?.query;
  expect(query?.toString()).toBe("service=payment&kind=dlq&order=1");
});

test("a filter that nothing meets can be removed", async () => {
  const page = renderFailures(
    {
      "GET /operators/dead-letters": ({ query }) => ({
        body: { items: query.has("order") ? [] : [LETTER], truncated: false, held: 0 },
      }),
    },
    "/failures?order=unknown",
  );
  await page.user.click(await screen.findByRole("button", { name: "Show all" }));
  expect(await screen.findByText("OrderPlaced")).toBeDefined();
});

test("a list that is not complete says so", async () => {
  renderFailures({ "GET /operators/dead-letters": () => ({ body: { items: [LETTER], truncated: true, held: 0 } }) });
  expect(await screen.findByText(/There are more than are shown/)).toBeDefined();
});

test("messages that another request holds are not said to be handled", async () => {
  const answers = [{ items: [], truncated: true, held: 3 }];
  const page = renderFailures({
    "GET /operators/dead-letters": () => ({
      body: answers.shift() ?? { items: [LETTER], truncated: false, held: 0 },
    }),
  });
  expect(await screen.findByText(/About 3 more are held by another request/)).toBeDefined();
  expect(screen.queryByText("No dead letters")).toBeNull();
  await page.user.click(screen.getByText("Read again"));
  expect(await screen.findByText("OrderPlaced")).toBeDefined();
});

test.each(["Redrive", "Drop"] as const)(
  "selected messages that another request holds are no failure: %s",
  async (verb) => {
    const answers = [
      { ...CHANGED, matched: 0, done: 0, left: 1, ids: [], missing: ["m-1"], truncated: true },
      { ...CHANGED, matched: 1, done: 0, left: 1, ids: ["m-1"] },
    ];
    const again = { ...CHANGED, matched: 0, done: 0, left: 1, ids: [], missing: ["m-1"], truncated: true };
    const route = () => ({ body: answers.shift() ?? again });
    const page = renderFailures({
      "POST /operators/dead-letters/{service}/redrive": route,
      "POST /operators/dead-letters/{service}/drop": route,
    });
    await select(page, "OrderPlaced m-1");
    await page.user.click(screen.getByRole("button", { name: `${verb}…` }));
    expect(await screen.findByText(/They are not lost/)).toBeDefined();
    expect(await violations(screen.getByRole("dialog"))).toEqual([]);
    await page.user.click(screen.getByRole("button", { name: "Look again" }));
    await page.user.click(await screen.findByRole("button", { name: `${verb} 1 message` }));
    expect(await screen.findByText(/Another request held the others for a moment/)).toBeDefined();
    expect(await violations(screen.getByRole("dialog"))).toEqual([]);
  },
);

test("without dead letters the page says that all is handled", async () => {
  renderFailures({ "GET /operators/dead-letters": () => ({ body: { items: [], truncated: false, held: 0 } }) });
  expect(await screen.findByText("No dead letters")).toBeDefined();
});

test("a refused list is read again on request", async () => {
  const answers = [
    { status: 503 as const, body: { title: "Unavailable", detail: "The queues cannot be read now." } },
    { body: { items: [LETTER], truncated: false, held: 0 } },
  ];
  const page = renderFailures({
    "GET /operators/dead-letters": () => answers.shift() ?? { body: { items: [], truncated: false, held: 0 } },
  });
  expect(await screen.findByText("The queues cannot be read now.")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("OrderPlaced")).toBeDefined();
});

test("the filter stays when a list fails, so that another one can be chosen", async () => {
  const page = renderFailures(
    {
      "GET /operators/dead-letters": ({ query }) =>
        query.has("reason")
          ? { status: 422, body: { title: "Invalid", detail: "The reason of a failure, as the list shows it." } }
          : { body: { items: [LETTER], truncated: false, held: 0 } },
    },
    "/failures?reason=too,long",
  );
  expect(await screen.findByText("Could not load the dead letters")).toBeDefined();
  expect(screen.getByText("The dead letters are not known")).toBeDefined();
  expect(screen.queryByText("No dead letters")).toBeNull();
  expect(await violations(page.container)).toEqual([]);
  await page.user.click(screen.getByRole("button", { name: /^Reason \S/ }));
  await page.user.click(await screen.findByRole("option", { name: "All reasons" }));
  expect(await screen.findByText("OrderPlaced")).toBeDefined();
});

test("a reason is an option of its filter, whatever it contains", async () => {
  const reason = "it failed, 日本😀";
  const page = renderFailures({
    "GET /operators/dead-letters": () => ({ body: { items: [{ ...LETTER, reason }], truncated: false, held: 0 } }),
  });
  await screen.findByText("OrderPlaced");
  await page.user.click(screen.getByRole("button", { name: /^Reason \S/ }));
  await page.user.click(await screen.findByRole("option", { name: reason }));
  await vi.waitFor(() => {
    expect(page.requests.at(-1)?.query.get("reason")).toBe(reason);
  });
});

test("a message is read only when the operator asks for it", async () => {
  const page = renderFailures({
    "GET /operators/dead-letters/{service}/{id}": () => ({ body: { ...LETTER, body: '{"email":"a@example.com"}' } }),
  });
  await page.user.click(await screen.findByText("OrderPlaced"));
  expect(await screen.findByText("The message may contain personal data")).toBeDefined();
  expect(page.requests.some(({ path }) => path.endsWith("/m-1"))).toBe(false);
  await page.user.click(screen.getByRole("button", { name: "Show the message" }));
  expect(await screen.findByText(/"email": "a@example.com"/)).toBeDefined();
});

test("a redrive begins with a dry run, is confirmed, and says what was done and what is left", async () => {
  const page = renderFailures({
    "POST /operators/dead-letters/{service}/redrive": ({ body }) => {
      const { dry_run: dryRun, ids } = body as { dry_run: boolean; ids: string[] };
      return {
        body: { matched: ids.length, done: dryRun ? 0 : ids.length, left: dryRun ? ids.length : 0, ids, ...CHANGED },
      };
    },
  });
  await select(page, "OrderPlaced m-1", "message m-2");
  await page.user.click(screen.getByRole("button", { name: "Redrive…" }));
  await page.user.click(await screen.findByRole("button", { name: "Redrive 2 messages" }));
  expect(await screen.findByText("Sent: 2 messages")).toBeDefined();
  expect(document.activeElement?.textContent).toBe("Close");
  const rows = within(screen.getByRole("table", { name: "What happened" })).getAllByRole("row");
  expect(rows.map(({ textContent }) => textContent)).toEqual([
    expect.stringContaining("Left"),
    "paymentNot handled110",
    "fraudNot handled110",
  ]);
  const sent = page.requests.filter(({ method }) => method === "POST").map(({ body }) => body);
  expect(sent).toEqual([
    { kind: "dlq", ids: ["m-1"], reason: null, order: null, dry_run: true },
    { kind: "dlq", ids: ["m-2"], reason: null, order: null, dry_run: true },
    { kind: "dlq", ids: ["m-1"], reason: null, order: null, dry_run: false },
    { kind: "dlq", ids: ["m-2"], reason: null, order: null, dry_run: false },
  ]);
});

test("messages that are no longer there cannot be dropped", async () => {
  const page = renderFailures({
    "POST /operators/dead-letters/{service}/drop": () => ({
      status: 404,
      body: { title: "No such dead letter", status: 404, detail: "It was dropped." },
    }),
  });
  await select(page, "message m-2");
  await page.user.click(screen.getByRole("button", { name: "Drop…" }));
  expect(await screen.findByText(/no longer in their queues/)).toBeDefined();
  expect(screen.getByRole("button", { name: "Drop 0 messages" })).toHaveProperty("disabled", true);
});

test("a refusal for one service does not hide the outcome for another", async () => {
  const page = renderFailures({
    "POST /operators/dead-letters/{service}/drop": ({ body, params }) => {
      const { dry_run: dryRun, ids } = body as { dry_run: boolean; ids: string[] };
      if (!dryRun && params["service"] === "fraud")
        return { status: 503, body: { title: "Unavailable", detail: "The queue is slow." } };
      return { body: { matched: 1, done: dryRun ? 0 : 1, left: 1, ids, ...CHANGED } };
    },
  });
  await select(page, "OrderPlaced m-1", "message m-2");
  await page.user.click(screen.getByRole("button", { name: "Drop…" }));
  await page.user.click(await screen.findByRole("button", { name: "Drop 2 messages" }));
  expect(await screen.findByText("fraud: not known what was done")).toBeDefined();
  expect(screen.getByText("Deleted: 1 message")).toBeDefined();
});

test("a failed dry run does nothing, and can be repeated", async () => {
  let failing = true;
  const page = renderFailures({
    "POST /operators/dead-letters/{service}/drop": () => {
      if (failing) throw new TypeError("Failed to fetch");
      return { body: { matched: 1, done: 0, left: 1, ids: ["m-2"], ...CHANGED } };
    },
  });
  await select(page, "message m-2");
  await page.user.click(screen.getByRole("button", { name: "Drop…" }));
  expect(await screen.findByText("The dry run failed: nothing was done")).toBeDefined();
  failing = false;
  await page.user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("button", { name: "Drop 1 message" })).toBeDefined();
});

test("messages that will fail again are named before a redrive", async () => {
  const page = renderFailures({
    "POST /operators/dead-letters/{service}/redrive": () => ({
      body: { matched: 1, done: 0, left: 1, ids: ["m-2"], ...CHANGED },
    }),
  });
  await select(page, "message m-2");
  await page.user.click(screen.getByRole("button", { name: "Redrive…" }));
  expect(await screen.findByText(/1 message: Drop it: no service handles it/)).toBeDefined();
});

test("a message that the queue refuses is named with the reason", async () => {
  const page = renderFailures({
    "POST /operators/dead-letters/{service}/redrive": ({ body }) => {
      const { dry_run: dryRun } = body as { dry_run: boolean };
      const refused = dryRun ? {} : { "m-2": "it is too large" };
      return { body: { ...CHANGED, matched: 1, done: 0, left: 1, ids: [], refused } };
    },
  });
  await select(page, "message m-2");
  await page.user.click(screen.getByRole("button", { name: "Redrive…" }));
  await page.user.click(await screen.findByRole("button", { name: "Redrive 1 message" }));
  expect(await screen.findByText("m-2: it is too large")).toBeDefined();
  expect(screen.getByText("Sent: 0 messages")).toBeDefined();
});

test("a relay's dead letters are not redriven", async () => {
  const page = renderFailures({});
  await select(page, "PaymentFailed m-3");
  expect(screen.getByRole("button", { name: /Redrive…/ }).getAttribute("aria-disabled")).toBe("true");
});

test("an order is looked for once its id is complete", async () => {
  const page = renderFailures({});
  await page.user.type(await screen.findByLabelText("Order"), "1234{Enter}");
  await vi.waitFor(() => {
    expect(page.requests.at(-1)?.query.get("order")).toBe("1234");
  });
  const orders = page.requests.map(({ query }) => query.get("order")).filter((order) => order !== null);
  expect(orders).toEqual(["1234"]);
});

test("the record of actions is shown page by page, with each outcome", async () => {
  const details = {
    kind: "dlq",
    reason: null,
    outcome: "done",
    messages: 3,
    reasons: { "gave-up": 3 },
    refused: 0,
    left: 0,
    truncated: false,
    problem: null,
  } as const;
  const action = {
    action: "redrive" as const,
    time: "2026-03-01T12:00:00.000Z",
    service: "fraud",
    subject: null,
    orders: ["order-one", "order-two"] as string[],
    more_orders: 1,
  };
  const page = renderFailures({
    "GET /operators/actions": ({ query }) => ({
      body: query.has("cursor")
        ? {
            items: [
              { ...action, id: "2", who: "other-operator", details: { ...details, left: 2, refused: 1 } },
              {
                ...action,
                id: "3",
                who: "other-operator",
                details: { ...details, outcome: "failed", problem: "A call failed" },
              },
              { ...action, id: "4", who: "other-operator", details: { ...details, outcome: "begun" } },
            ],
            next: null,
          }
        : { items: [{ ...action, id: "1", who: OPERATOR.id, details }], next: "more" },
    }),
  });
  expect(await screen.findByText("You")).toBeDefined();
  expect(screen.getByRole("link", { name: "Order order-one" }).closest("td")?.textContent).toBe("order-on and 2 more");
  expect(screen.getByText("Done")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Show more" }));
  expect(await screen.findByText("2 left or came back, 1 refused")).toBeDefined();
  expect(screen.getByText("A call failed")).toBeDefined();
  expect(screen.getAllByText("Operator other-op")).toHaveLength(3);
  expect(screen.getByText("Begun, or broken off")).toBeDefined();
  expect(screen.queryByRole("button", { name: "Show more" })).toBeNull();
});
