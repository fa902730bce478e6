import { I18nProvider } from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import { act, screen, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, violations } from "../../shared/testing";
import { Events } from "../live/events";
import Live from "./Live";

const ORDER = "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11";

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
    shouldAdvanceTime: true,
  });
});

afterEach(() => {
  vi.useRealTimers();
});

function renderLive(): RenderedPage {
  return renderPage(
    <I18nProvider locale="en" messages={[messages]}>
      <Events>
        <Live />
      </Events>
    </I18nProvider>,
    { person: OPERATOR, path: "/live" },
  );
}

/** Lets the events that have arrived be shown. */
function settle(): void {
  act(() => {
    vi.advanceTimersByTime(1000);
  });
}

function table(): HTMLElement {
  return screen.getByRole("table", { name: "Events" });
}

test("without events the page says that they will appear", async () => {
  const page = renderLive();
  expect(screen.getByText("No events yet")).toBeDefined();
  expect(await violations(page.container)).toEqual([]);
});

test("a change of a product is listed with a link to the products", async () => {
  const page = renderLive();
  page.push({ type: "PriceChanged", source: "orders", subject: "MUG:2026-11" });
  settle();
  await page.user.click(within(table()).getByRole("link", { name: "MUG:2026-11" }));
  expect(page.history.at(-1)).toBe("/products");
});

test("an event is listed with a link to its order", async () => {
  const page = renderLive();
  page.push({ type: "OrderPlaced", source: "orders", subject: ORDER });
  settle();
  const row = within(table()).getByRole("row", { name: /OrderPlaced/ });
  await page.user.click(within(row).getByRole("link", { name: ORDER }));
  expect(page.history.at(-1)).toBe(`/orders/${ORDER}`);
  expect(await violations(page.container)).toEqual([]);
});

test("the map counts what a service has announced, and what was sent to those that handle it", () => {
  const page = renderLive();
  page.push({ id: "1", type: "OrderPlaced", source: "orders" });
  page.push({ id: "2", type: "OrderPlaced", source: "orders" });
  settle();
  const node = (id: string) => page.container.querySelector(`[data-node="${id}"]`)?.textContent;
  expect(node("announcer:orders")).toBe("orders2 · 0.2/s");
  expect(node("handler:inventory")).toBe("inventory2 · 0.2/s");
  expect(node("handler:recommendation")).toBe("recommendation");
});

test("no event crosses a label", () => {
  const page = renderLive();
  const topic = page.container.querySelector('[data-node="topic"]');
  expect(topic?.querySelector("text")).toBeNull();
  expect(screen.getByText("Topic").classList.contains("map-heading")).toBe(true);
  expect(Number(screen.getByText("Topic").getAttribute("y"))).toBeLessThan(
    Number(topic?.querySelector("rect")?.getAttribute("y")),
  );
});

test("an event moves along the map", async () => {
  const page = renderLive();
  page.push({ type: "OrderPlaced", source: "orders" });
  await vi.waitFor(() => {
    expect(page.container.querySelectorAll(".map-dot").length).toBeGreaterThan(0);
  });
});

test("while paused, events are kept and not shown", async () => {
  const page = renderLive();
  await page.user.click(screen.getByRole("button", { name: "Pause" }));
  page.push({ type: "OrderPlaced" });
  settle();
  expect(within(table()).queryByText("OrderPlaced")).toBeNull();
  expect(screen.getByText(/1 event has arrived since/)).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Resume" }));
  expect(within(table()).getByText("OrderPlaced")).toBeDefined();
});

test("after a lost connection the list says that events may be missing", () => {
  const page = renderLive();
  page.push({ id: "1" });
  page.setLive("lost");
  settle();
  page.setLive("connecting");
  page.setLive("connected");
  page.push({ id: "2" });
  settle();
  const rows = within(table()).getAllByRole("row");
  expect(rows[2]?.textContent).toContain("Events may be missing");
});

test("the first connection is no gap", () => {
  const page = renderLive();
  page.setLive("connecting");
  page.setLive("connected");
  settle();
  expect(screen.queryByText("Events may be missing")).toBeNull();
});
