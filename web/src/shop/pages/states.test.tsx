/** Every page in the states in which it has nothing to show, or nothing new. */

import { screen, waitFor } from "@testing-library/react";
import { describe, expect, test, vi } from "vitest";
import { CUSTOMER, type FakeRequest, renderPage, type Routes, violations } from "../../shared/testing";
import { fillBasket, ID, ORDER, PRODUCTS, sampleProblem } from "../samples";
import { Shop } from "../Shop";

const READ = {
  ...PRODUCTS,
  "GET /orders": () => ({ body: { items: [{ ...ORDER, total: ORDER.total }], next: null } }),
  "GET /orders/{id}": () => ({ body: ORDER }),
  "GET /loyalty": () => ({ body: { balance: 0, items: [], next: null } }),
} satisfies Routes;

/** Returns routes that all do the same. */
function all(route: () => ReturnType<NonNullable<Routes["GET /orders"]>>): Routes {
  return Object.fromEntries(Object.keys(READ).map((name) => [name, route]));
}

const PAGES: readonly [path: string, what: string][] = [
  ["/", "the products"],
  ["/products/mug", "the product"],
  ["/basket", "the basket"],
  ["/checkout", "the prices"],
  ["/orders", "your orders"],
  [`/orders/${ID}`, "the order"],
  ["/account", "your points"],
];

function show(path: string, routes: Routes) {
  fillBasket(["mug", 2]);
  return renderPage(<Shop />, { person: CUSTOMER, path, routes });
}

describe.each(PAGES)("%s", (path, what) => {
  test("is accessible while it loads", async () => {
    const { container } = show(
      path,
      all(() => new Promise(() => undefined)),
    );
    expect(screen.getByText(`Loading ${what}`)).toBeDefined();
    expect(await violations(container)).toEqual([]);
  });

  test("says that it could not be loaded, and is loaded on demand", async () => {
    let failing = true;
    const busy = () => sampleProblem(503, "Busy");
    const routes = Object.entries(READ).map(([name, route]) => [
      name,
      (request: FakeRequest) => (failing ? busy() : route(request)),
    ]);
    const { container, user } = show(path, Object.fromEntries(routes) as Routes);
    const failed = await screen.findByText(`We could not load ${what}.`);
    expect(failed.closest("[role=alert]")?.textContent).toContain("The shop is very busy.");
    expect(await violations(container)).toEqual([]);
    failing = false;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => {
      expect(screen.queryByText(`We could not load ${what}.`)).toBeNull();
    });
    expect(await violations(container)).toEqual([]);
  });

  test("says that it is offline, and is accessible", async () => {
    vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
    const { container } = show(
      path,
      all(() => {
        throw new TypeError("Failed to fetch");
      }),
    );
    expect(await screen.findByText(`You are offline, so ${what} cannot be loaded.`)).toBeDefined();
    expect(screen.getByText("You are offline. What you see may be old.")).toBeDefined();
    expect(await violations(container)).toEqual([]);
  });

  test("says that its connection is lost, and is accessible", async () => {
    const { container, setLive } = show(path, READ);
    setLive("lost");
    expect(await screen.findByText(/^Live updates are interrupted/)).toBeDefined();
    expect(await violations(container)).toEqual([]);
  });
});
