import { screen, within } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { CUSTOMER, renderPage, type Routes, violations } from "../../shared/testing";
import { ID, sampleProblem } from "../samples";
import { Shop } from "../Shop";
import type { Job } from "../words";

const JOB: Job = {
  id: "8d6a4b52-3a0f-4f0e-9b52-0c4b3f9d1e11",
  kind: "export",
  status: "running",
  requested_at: "2026-01-01T12:00:00Z",
  requested_by: "customer",
  orders: 0,
  under_way: [],
  url: null,
};
const ERASURE: Job = { ...JOB, kind: "erasure" };

const POINTS = {
  "GET /loyalty": () => ({
    body: {
      balance: 25,
      items: [
        { order: ID, points: 25, status: "awarded", earned_at: JOB.requested_at },
        { order: "old", points: 9, status: "revoked", earned_at: JOB.requested_at },
      ],
      next: null,
    },
  }),
} satisfies Routes;

afterEach(() => {
  vi.useRealTimers();
});

function showAccount(routes: Routes = {}) {
  return renderPage(<Shop />, { person: CUSTOMER, path: "/account", routes: { ...POINTS, ...routes } });
}

test("the account shows the points, and the orders that earned them", async () => {
  const { container } = showAccount();
  const points = screen.getByRole("region", { name: "Your points" });
  expect(await within(points).findByText("taken back")).toBeDefined();
  expect(within(points).getByText("25").parentElement?.textContent).toBe("25 points");
  expect(screen.getByText(CUSTOMER.email)).toBeDefined();
  expect(await violations(container)).toEqual([]);
});

test("the points change as events arrive", async () => {
  let balance = 0;
  const { push } = showAccount({ "GET /loyalty": () => ({ body: { balance, items: [], next: null } }) });
  await screen.findByText("Each confirmed order earns points.");
  balance = 25;
  push({ type: "PointsAwarded", source: "loyalty", subject: ID });
  expect(await screen.findByText("25")).toBeDefined();
});

test("an export is requested under a key, and followed", async () => {
  const { user, requests } = showAccount({
    "POST /me/export": () => ({ status: 202, body: JOB }),
    "GET /me/jobs/{id}": () => ({ body: JOB }),
  });
  await user.click(screen.getByRole("button", { name: "Export your data" }));
  expect(await screen.findByText(/^We are collecting your data/)).toBeDefined();
  expect(requests.find(({ method }) => method === "POST")?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f-]{36}$/);
  expect(screen.queryByRole("button", { name: /^Export/ })).toBeNull();
});

test("an export is read again until it is done, and then offers its file", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  sessionStorage.setItem(`export.${CUSTOMER.id}`, JOB.id);
  let job = JOB;
  showAccount({ "GET /me/jobs/{id}": () => ({ body: job }) });
  await screen.findByText(/^We are collecting your data/);
  job = { ...JOB, status: "done", url: "https://files.test/export" };
  await vi.advanceTimersByTimeAsync(5_000);
  const link = await screen.findByRole("link", { name: "Download your data" });
  expect(link.getAttribute("href")).toBe(job.url);
  expect(screen.getByRole("button", { name: "Export it again" })).toBeDefined();
});

test("an export is found again after a reload", async () => {
  sessionStorage.setItem(`export.${CUSTOMER.id}`, JOB.id);
  showAccount({ "GET /me/jobs/{id}": () => ({ body: { ...JOB, status: "done", url: "https://files.test/export" } }) });
  expect(await screen.findByRole("link", { name: "Download your data" })).toBeDefined();
});

test("an export that is deleted by now is asked for once, and can be requested again", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  sessionStorage.setItem(`export.${CUSTOMER.id}`, JOB.id);
  const { requests } = showAccount({ "GET /me/jobs/{id}": () => sampleProblem(404, "No such job") });
  expect(await screen.findByRole("button", { name: "Export your data" })).toBeDefined();
  expect(sessionStorage.getItem(`export.${CUSTOMER.id}`)).toBeNull();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests.filter(({ path }) => path.startsWith("/me/jobs/"))).toHaveLength(1);
  expect(screen.queryByText(/^We could not see/)).toBeNull();
});

test("a repeat of a failed request for an export has the same key", async () => {
  let calls = 0;
  const { user, requests } = showAccount({
    "POST /me/export": () => {
      calls += 1;
      return calls === 1 ? sampleProblem(503, "Busy") : { status: 202, body: JOB };
    },
    "GET /me/jobs/{id}": () => ({ body: JOB }),
  });
  await user.click(screen.getByRole("button", { name: "Export your data" }));
  expect((await screen.findByRole("alert")).textContent).toBe("The shop is very busy. Try again in a moment.");
  await user.click(screen.getByRole("button", { name: "Export your data" }));
  expect(await screen.findByText(/^We are collecting your data/)).toBeDefined();
  const [first, second] = requests.filter(({ method }) => method === "POST").map(({ headers }) => headers);
  expect(second?.get("Idempotency-Key")).toBe(first?.get("Idempotency-Key"));
});

test("an account is erased after a question, and its session ends", async () => {
  localStorage.setItem("basket", '[{"sku":"mug","quantity":1}]');
  localStorage.setItem(`placing.${CUSTOMER.id}`, "key");
  const { user, session, requests, container } = showAccount({
    "POST /me/erasure": () => ({ status: 202, body: { ...ERASURE, status: "done" } }),
    "GET /me/jobs/{id}": () => ({ body: { ...ERASURE, status: "done" } }),
  });
  await user.click(screen.getByRole("button", { name: "Erase your account" }));
  const dialog = screen.getByRole("dialog", { name: "Erase your account?" });
  expect(await violations(container)).toEqual([]);
  expect(requests.some(({ method }) => method === "POST")).toBe(false);
  await user.click(within(dialog).getByRole("button", { name: "Erase everything" }));
  expect(await screen.findByRole("heading", { name: "Your account is erased" })).toBeDefined();
  expect(session.person).toBeNull();
  expect(localStorage.getItem("basket")).toBe("[]");
  expect(sessionStorage.getItem(`erasure.${CUSTOMER.id}`)).toBeNull();
  expect(localStorage.getItem(`placing.${CUSTOMER.id}`)).toBeNull();
});

test("an erasure that waits for orders names them", async () => {
  sessionStorage.setItem(`erasure.${CUSTOMER.id}`, ERASURE.id);
  showAccount({
    "GET /me/jobs/{id}": () => ({
      body: { ...ERASURE, status: "waiting", under_way: [{ order: ID, what: "order" }] },
    }),
  });
  expect(await screen.findByText(/can take hours/)).toBeDefined();
  expect(screen.getByRole("link", { name: ID }).getAttribute("href")).toBe(`/orders/${ID}`);
  expect(screen.queryByRole("button", { name: "Erase your account" })).toBeNull();
});

test("points that could not be loaded leave the rest of the account in place", async () => {
  showAccount({ "GET /loyalty": () => sampleProblem(503, "Busy") });
  expect(await screen.findByText("We could not load your points.")).toBeDefined();
  expect(screen.getByRole("button", { name: "Export your data" })).toBeDefined();
});

test("a customer signs out", async () => {
  const { user, session } = showAccount();
  await user.click(screen.getAllByRole("button", { name: "Sign out" })[0] ?? document.body);
  expect(session.signOut).toHaveBeenCalledOnce();
});
