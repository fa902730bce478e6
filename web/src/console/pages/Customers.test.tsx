import { act, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import type { components } from "../../generated/api";
import { OPERATOR, renderPage, type RenderedPage, type Routes, violations } from "../../shared/testing";
import Customers from "./Customers";

const ID = "0b36f2ff-6a5d-4f6c-a5f0-5f5a0e4f3f4e";
const ORDER = "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11";
const JOB: components["schemas"]["JobView"] = {
  id: "9e2d0b0a-8f2e-4a5e-9a51-2d5f3a1f7c13",
  kind: "export",
  status: "running",
  requested_at: "2026-03-01T12:00:00.000Z",
  requested_by: "operator",
  orders: 3,
  under_way: [{ order: ORDER, what: "a refund" }],
  url: null,
};

function renderCustomers(routes: Routes, path = `/customers?id=${ID}`): RenderedPage {
  return renderPage(<Customers />, {
    person: OPERATOR,
    path,
    routes: {
      "GET /operators/customers/{id}/loyalty": () => ({
        body: {
          balance: 43,
          items: [{ order: ORDER, points: 43, status: "awarded", earned_at: "2026-03-01T12:00:00.000Z" }],
          next: null,
        },
      }),
      ...routes,
    },
  });
}

test("a customer is chosen by an id that the API takes", async () => {
  const page = renderCustomers({}, "/customers");
  const field = screen.getByLabelText("Customer's id");
  await page.user.type(field, "a@example.com");
  await page.user.click(screen.getByRole("button", { name: "Show" }));
  expect(screen.getByText("An id is 1 to 64 letters, digits or hyphens.")).toBeDefined();
  expect(page.requests).toEqual([]);
  await page.user.clear(field);
  await page.user.type(field, `${ID}{Enter}`);
  expect(await screen.findByText("Awarded")).toBeDefined();
  expect(page.history.at(-1)).toBe(`/customers?id=${ID}`);
  expect(screen.getByRole("link", { name: "Orders of this customer" }).getAttribute("href")).toBe(
    `/orders?customer=${ID}`,
  );
  expect(await violations(page.container)).toEqual([]);
});

test("a customer without points says so", async () => {
  renderCustomers({
    "GET /operators/customers/{id}/loyalty": () => ({ body: { balance: 0, items: [], next: null } }),
  });
  expect(await screen.findByText("No points")).toBeDefined();
});

test("points that cannot be read are read again on request", async () => {
  let failing = true;
  const page = renderCustomers({
    "GET /operators/customers/{id}/loyalty": () => {
      if (failing) throw new TypeError("Failed to fetch");
      return { body: { balance: 0, items: [], next: null } };
    },
  });
  expect(await screen.findByText("Could not load the points")).toBeDefined();
  failing = false;
  await page.user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("No points")).toBeDefined();
});

test("an export is followed until its file is there", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const jobs: (typeof JOB)[] = [JOB, { ...JOB, status: "done", under_way: [], url: "https://files.test/export" }];
  const page = renderCustomers({
    "POST /operators/customers/{id}/export": () => ({ status: 202, body: JOB }),
    "GET /operators/customers/{id}/jobs/{job}": () => ({ body: (jobs.length > 1 ? jobs.shift() : jobs[0]) ?? JOB }),
  });
  await act(async () => {
    (await screen.findByRole("button", { name: "Export" })).click();
  });
  expect(await screen.findByText("Running")).toBeDefined();
  expect(screen.getByText(/a refund/)).toBeDefined();
  expect(page.history.at(-1)).toBe(`/customers?id=${ID}&job=${JOB.id}`);
  await act(() => vi.advanceTimersByTimeAsync(5000));
  expect(await screen.findByRole("link", { name: /The file/ })).toHaveProperty("href", "https://files.test/export");
  const reads = page.requests.length;
  await act(() => vi.advanceTimersByTimeAsync(10_000));
  expect(page.requests).toHaveLength(reads);
  vi.useRealTimers();
});

test("an erasure is confirmed by a word, and a repeat after a lost answer has the same key", async () => {
  const keys: (string | null)[] = [];
  const page = renderCustomers({
    "POST /operators/customers/{id}/erasure": ({ headers }) => {
      keys.push(headers.get("Idempotency-Key"));
      if (keys.length === 1) throw new TypeError("Failed to fetch");
      return { status: 202, body: { ...JOB, kind: "erasure", status: "done", under_way: [] } };
    },
    "GET /operators/customers/{id}/jobs/{job}": () => ({
      body: { ...JOB, kind: "erasure", status: "done", under_way: [] },
    }),
  });
  await page.user.click(await screen.findByRole("button", { name: "Erase…" }));
  const erase = screen.getByRole("button", { name: "Erase" });
  expect(erase).toHaveProperty("disabled", true);
  await page.user.type(screen.getByLabelText("To confirm, type erase"), "erase");
  await page.user.click(erase);
  expect(await screen.findByText("The job was not begun")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Erase" }));
  expect(await screen.findByText("Erasure")).toBeDefined();
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
});

test("a job that failed says so", async () => {
  renderCustomers(
    { "GET /operators/customers/{id}/jobs/{job}": () => ({ body: { ...JOB, status: "failed", under_way: [] } }) },
    `/customers?id=${ID}&job=${JOB.id}`,
  );
  expect(await screen.findByText(/The job ended without doing everything/)).toBeDefined();
});

test("a repeat after a lost answer and a reload begins no second job, and the next request does", async () => {
  const keys: (string | null)[] = [];
  const routes: Routes = {
    "POST /operators/customers/{id}/export": ({ headers }) => {
      keys.push(headers.get("Idempotency-Key"));
      if (keys.length === 1) throw new TypeError("Failed to fetch");
      return { status: 202, body: JOB };
    },
    "GET /operators/customers/{id}/jobs/{job}": () => ({ body: JOB }),
  };
  for (const outcome of ["The job was not begun", "Running", "Running"]) {
    const page = renderCustomers(routes);
    await page.user.click(await screen.findByRole("button", { name: "Export" }));
    expect(await screen.findByText(outcome)).toBeDefined();
    page.unmount();
  }
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
});
