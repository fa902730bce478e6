import { act, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import type { Alarm, ServiceView } from "../services/services";
import Services from "./Services";

const PAYMENT: ServiceView = {
  name: "payment",
  summary: "Takes payments.",
  queue: { waiting: 1432, in_flight: 3, oldest_seconds: 612 },
  dlq: 17,
  undelivered: 0,
  relay_dlq: 0,
  relay_lag_seconds: 0.4,
  mappings: [
    { kind: "queue", state: "Disabled", problem: null },
    { kind: "stream", state: "Enabled", problem: null },
  ],
  alarms: [
    {
      name: "tidings-test-payment-dlq-depth",
      service: "payment",
      state: "ALARM",
      since: "2026-03-01T12:00:00.000Z",
      problem: "Messages could not be handled",
      runbook: "docs/runbook.md#dlq-depth",
    },
    {
      name: "tidings-test-payment-errors",
      service: "payment",
      state: "INSUFFICIENT_DATA",
      since: "2026-03-01T12:00:00.000Z",
      problem: "The function fails",
      runbook: "docs/runbook.md#errors",
    },
  ],
};
const IDLE: ServiceView = {
  ...PAYMENT,
  name: "idle",
  queue: null,
  dlq: null,
  undelivered: null,
  relay_dlq: null,
  relay_lag_seconds: null,
  mappings: [],
  alarms: [],
};

const API: Alarm = {
  name: "tidings-test-api-5xx",
  service: null,
  state: "ALARM",
  since: "2026-03-01T12:00:00.000Z",
  problem: "The API fails",
  runbook: "docs/runbook.md#api-5xx",
};

function renderServices(
  answer: NonNullable<Routes["GET /operators/services"]>,
  alarms: readonly Alarm[] = [],
  stage = "test",
): RenderedPage {
  return renderPage(<Services />, {
    person: OPERATOR,
    config: { stage },
    routes: { "GET /operators/services": answer, "GET /operators/alarms": () => ({ body: { items: [...alarms] } }) },
  });
}

function activeAlarms(): string | null | undefined {
  return screen.getByText("Active alarms").closest("dt")?.nextElementSibling?.textContent.trim();
}

test("a service with problems says which, and links to its failures and to the runbook", async () => {
  const page = renderServices(() => ({ body: { items: [IDLE, PAYMENT] } }));
  expect(await screen.findByText("queue not delivered, 1 alarm, 17 dead letters")).toBeDefined();
  expect(screen.getByText("1,432 waiting, 3 in flight")).toBeDefined();
  expect(screen.getAllByRole("heading", { level: 2 }).map(({ textContent }) => textContent)).toEqual([
    "payment",
    "idle",
  ]);
  const target = (name: string) => screen.getByRole("link", { name }).getAttribute("href");
  expect(target("17 not handled")).toBe("/failures?service=payment&kind=dlq");
  expect(target("Runbook: dlq-depth")).toBe("/runbook/dlq-depth?service=payment");
  expect(await violations(page.container)).toEqual([]);
});

test("a service without a queue, a relay and alarms is healthy", async () => {
  renderServices(() => ({ body: { items: [IDLE] } }));
  expect(await screen.findByText("Healthy")).toBeDefined();
  expect(screen.getByText("It has no queue and no relay.")).toBeDefined();
});

test("an active alarm that belongs to no service is shown and counted", async () => {
  const page = renderServices(() => ({ body: { items: [PAYMENT] } }), [API, ...PAYMENT.alarms]);
  expect(await screen.findByText("The API fails")).toBeDefined();
  expect(screen.getByRole("heading", { name: "Shared alarms" })).toBeDefined();
  expect(screen.getByRole("link", { name: "Runbook: api-5xx" }).getAttribute("href")).toBe("/runbook/api-5xx");
  await screen.findByText("1,432 waiting, 3 in flight");
  expect(activeAlarms()).toBe("2");
  expect(await violations(page.container)).toEqual([]);
});

test("the number of alarms is not said to be zero while it is not known", async () => {
  renderPage(<Services />, {
    person: OPERATOR,
    routes: {
      "GET /operators/services": () => ({ body: { items: [IDLE] } }),
      "GET /operators/alarms": () => ({ status: 503, body: { title: "Unavailable", detail: "No alarms now." } }),
    },
  });
  expect(await screen.findByText("No alarms now.")).toBeDefined();
  await screen.findByText("Healthy");
  expect(activeAlarms()).toBe("–");
});

test("alarms that the local cloud does not evaluate are said to be so, and no service is called healthy", async () => {
  const alarms = [API, ...PAYMENT.alarms].map((alarm) => ({ ...alarm, state: "INSUFFICIENT_DATA" }) as const);
  const service = { ...IDLE, alarms: alarms.slice(1) };
  const page = renderServices(() => ({ body: { items: [service] } }), alarms, "local");
  expect(await screen.findByText("The local cloud evaluates no alarms")).toBeDefined();
  expect(await screen.findByText("2 alarms, which the local cloud does not evaluate")).toBeDefined();
  expect(screen.getByText("No problem seen, alarms aside")).toBeDefined();
  expect(screen.queryByText("Healthy")).toBeNull();
  expect(activeAlarms()).toBe("– not evaluated");
  expect(await violations(page.container)).toEqual([]);
});

test("a stage without services says so", async () => {
  renderServices(() => ({ body: { items: [] } }));
  expect(await screen.findByText("No services")).toBeDefined();
});

test("the state is read every 10 seconds, and stays shown while it cannot be read", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  let reads = 0;
  renderServices(() => {
    reads += 1;
    if (reads > 1) return { status: 503, body: { title: "Unavailable", status: 503, detail: "AWS refused a call." } };
    return { body: { items: [IDLE] } };
  });
  await screen.findByText("Healthy");
  await act(() => vi.advanceTimersByTimeAsync(10_000));
  expect(await screen.findByText("AWS refused a call.")).toBeDefined();
  expect([reads, screen.getAllByText("Healthy").length]).toEqual([2, 1]);
  vi.useRealTimers();
});
