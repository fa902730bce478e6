import { screen, within } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { MAX_LINES } from "../../generated/limits";
import { formatMoney } from "../../shared/money";
import { renderPage, violations } from "../../shared/testing";
import { fillBasket, MUG, PRODUCTS, sampleProblem } from "../samples";
import { Shop } from "../Shop";

test("the products are listed with their prices, and none breaks a rule of accessibility", async () => {
  const { container } = renderPage(<Shop />, { routes: PRODUCTS });
  expect(screen.getByText("Loading the products")).toBeDefined();
  const mug = await screen.findByRole("link", { name: "Blue mug" });
  expect(mug.getAttribute("href")).toBe("/products/mug");
  expect(screen.getByText(formatMoney(MUG.price))).toBeDefined();
  expect(document.title).toBe("Products · Tidings");
  expect(await violations(container)).toEqual([]);
});

test("more products are shown on demand", async () => {
  const cursors: (string | null)[] = [];
  const { user } = renderPage(<Shop />, {
    routes: {
      ...PRODUCTS,
      "GET /products": ({ query }) => {
        cursors.push(query.get("cursor"));
        return query.has("cursor")
          ? { body: { items: [{ ...MUG, sku: "cup", name: "White cup" }], next: null } }
          : { body: { items: [MUG], next: "abc" } };
      },
    },
  });
  await user.click(await screen.findByRole("button", { name: "Show more products" }));
  expect(await screen.findByRole("link", { name: "White cup" })).toBeDefined();
  expect(screen.getByRole("link", { name: "Blue mug" })).toBeDefined();
  expect(screen.queryByRole("button", { name: "Show more products" })).toBeNull();
  expect(cursors).toEqual([null, "abc"]);
});

test("a shop without products says so", async () => {
  renderPage(<Shop />, { routes: { "GET /products": () => ({ body: { items: [], next: null } }) } });
  expect(await screen.findByText("There is nothing to buy yet")).toBeDefined();
});

test("products that could not be loaded are loaded on demand", async () => {
  let failing = true;
  const { user } = renderPage(<Shop />, {
    routes: {
      ...PRODUCTS,
      "GET /products": () => (failing ? sampleProblem(503, "Busy") : PRODUCTS["GET /products"]()),
    },
  });
  expect((await screen.findByRole("alert")).textContent).toContain(
    "We could not load the products.The shop is very busy.",
  );
  failing = false;
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("link", { name: "Blue mug" })).toBeDefined();
});

test("a reader without a network learns why nothing is loaded", async () => {
  vi.spyOn(navigator, "onLine", "get").mockReturnValue(false);
  renderPage(<Shop />, {
    routes: {
      "GET /products": () => {
        throw new TypeError("Failed to fetch");
      },
    },
  });
  expect(await screen.findByText("You are offline, so the products cannot be loaded.")).toBeDefined();
  expect(screen.getByText("You are offline. What you see may be old.")).toBeDefined();
});

test("a product goes into the basket in the chosen quantity, and others are shown that were bought with it", async () => {
  const { user, container } = renderPage(<Shop />, { routes: PRODUCTS, path: "/products/mug" });
  expect(await screen.findByRole("heading", { name: "Blue mug", level: 1 })).toBeDefined();
  await user.click(screen.getByRole("button", { name: "One Blue mug more" }));
  await user.click(screen.getByRole("button", { name: "Add Blue mug to the basket" }));
  expect(screen.getByText("2 in the basket")).toBeDefined();
  expect(screen.getByRole("link", { name: /^Basket/ }).textContent).toBe("Basket2");
  const also = await screen.findByRole("region", { name: "Also bought" });
  expect(await within(also).findByRole("link", { name: "Iron pot" })).toBeDefined();
  expect(await violations(container)).toEqual([]);
});

test("a product is added from the list, which says how many are in the basket", async () => {
  const { user, container } = renderPage(<Shop />, { routes: PRODUCTS });
  const button = await screen.findByRole("button", { name: "Add Blue mug to the basket" });
  await user.click(button);
  await user.click(button);
  expect(screen.getByText("2 in the basket")).toBeDefined();
  expect(localStorage.getItem("basket")).toBe('[{"sku":"mug","quantity":2}]');
  expect(await violations(container)).toEqual([]);
});

test.each(["mug.v2", "%0a", "a%2Fb", "%"])("an address of no product, such as %s, leads on", async (name) => {
  const refused = sampleProblem(422, "Not valid", { field: "sku", detail: "A SKU is 1 to 64 letters." });
  renderPage(<Shop />, { path: `/products/${name}`, routes: { ...PRODUCTS, "GET /products/{sku}": () => refused } });
  expect(await screen.findByRole("heading", { name: "There is no such product" })).toBeDefined();
  expect(screen.getByRole("link", { name: "See the products" })).toBeDefined();
});

test("a full basket takes no more products", async () => {
  fillBasket(...Array.from({ length: MAX_LINES }, (_, n): [string, number] => [`sku-${n}`, 1]));
  renderPage(<Shop />, { routes: PRODUCTS });
  const button = await screen.findByRole<HTMLButtonElement>("button", { name: "Add Blue mug to the basket" });
  expect(button.disabled).toBe(true);
  expect(screen.getAllByText(`The basket is full: it holds ${MAX_LINES} products.`)).toHaveLength(2);
});

test("the focus is at the heading after a navigation", async () => {
  const { user } = renderPage(<Shop />, { routes: PRODUCTS });
  await user.click(await screen.findByRole("link", { name: "Blue mug" }));
  expect(document.activeElement).toBe(await screen.findByRole("heading", { name: "Blue mug", level: 1 }));
});

test.each(["/products/none", "/nothing"])("%s does not exist", async (path) => {
  const { container } = renderPage(<Shop />, { routes: PRODUCTS, path });
  expect(await screen.findByRole("heading", { name: /^There is no such (page|product)$/ })).toBeDefined();
  expect(await violations(container)).toEqual([]);
});
