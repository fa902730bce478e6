import { act, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../shared/testing";
import { Console } from "./Console";

function renderConsole(path: string, routes: Routes): RenderedPage {
  return renderPage(<Console />, { person: OPERATOR, path: `/console${path}`, routes });
}

test("while the connection for live events is lost, the page says so and is read again every 30 seconds", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  let reads = 0;
  const page = renderConsole("/failures", {
    "GET /operators/dead-letters": () => {
      reads += 1;
      return { body: { items: [], truncated: false, held: 0 } };
    },
    "GET /operators/actions": () => ({ body: { items: [], next: null } }),
  });
  expect(await screen.findByText("No dead letters")).toBeDefined();
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(reads).toBe(1);
  page.setLive("lost");
  expect(await screen.findByText(/read again every 30 seconds/)).toBeDefined();
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(reads).toBe(3);
  page.setLive("connected");
  expect(screen.queryByText(/read again every 30 seconds/)).toBeNull();
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(reads).toBe(3);
  vi.useRealTimers();
});

test("the message about a lost connection violates no rule of accessibility", async () => {
  const page = renderConsole("/failures", {
    "GET /operators/dead-letters": () => ({ body: { items: [], truncated: false, held: 0 } }),
    "GET /operators/actions": () => ({ body: { items: [], next: null } }),
  });
  expect(await screen.findByText("No dead letters")).toBeDefined();
  page.setLive("lost");
  const message = await screen.findByText(/connection for live events is lost/);
  // The frame around it needs a layout, which the tests in a real browser have.
  const notifications = message.closest("ul")?.parentElement;
  expect(await violations(notifications ?? document.body)).toEqual([]);
});
