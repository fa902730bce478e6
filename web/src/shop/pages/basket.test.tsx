import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { formatMoney } from "../../shared/money";
import { renderPage, violations } from "../../shared/testing";
import { fillBasket, PRODUCTS } from "../samples";
import { Shop } from "../Shop";

const euros = (amount: number) => formatMoney({ amount, currency: "EUR" });

test("the basket shows its lines and their total, which change with the quantities", async () => {
  fillBasket(["mug", 2], ["tea", 1]);
  const { user, container } = renderPage(<Shop />, { routes: PRODUCTS, path: "/basket" });
  expect(await screen.findByText(euros(2999))).toBeDefined();
  expect(await violations(container)).toEqual([]);
  await user.click(screen.getByRole("button", { name: "One Blue mug less" }));
  expect(screen.getByText(euros(1749))).toBeDefined();
  await user.click(screen.getByRole("button", { name: "Remove Assam tea" }));
  expect(screen.queryByText("Assam tea")).toBeNull();
  // The button is gone, and the keyboard keeps its place on the page.
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Basket" }));
  expect(localStorage.getItem("basket")).toBe('[{"sku":"mug","quantity":1}]');
  expect(screen.getByRole("link", { name: "Check out" }).getAttribute("href")).toBe("/checkout");
});

test("what was bought with the basket's products is shown, without these", async () => {
  fillBasket(["mug", 1]);
  const items = [
    { sku: "mug", count: 9 },
    { sku: "tea", count: 1 },
    { sku: "none", count: 2 },
    { sku: "pot", count: 3 },
  ];
  renderPage(<Shop />, {
    path: "/basket",
    routes: { ...PRODUCTS, "GET /recommendations/{sku}": () => ({ body: { sku: "mug", items } }) },
  });
  const also = await screen.findByRole("region", { name: "Also bought" });
  expect(await within(also).findByRole("link", { name: "Assam tea" })).toBeDefined();
  const names = within(also).getAllByRole("link");
  expect(names.map(({ textContent }) => textContent)).toEqual(["Iron pot", "Assam tea"]);
});

test("a quantity is typed, and stays within the limits of an order", async () => {
  fillBasket(["mug", 2]);
  const { user } = renderPage(<Shop />, { routes: PRODUCTS, path: "/basket" });
  const field = await screen.findByRole<HTMLInputElement>("spinbutton", { name: "Quantity of Blue mug" });
  const stored = () => localStorage.getItem("basket");
  await user.clear(field);
  expect(stored()).toBe('[{"sku":"mug","quantity":2}]');
  await user.type(field, "12");
  expect(stored()).toBe('[{"sku":"mug","quantity":12}]');
  await user.type(field, "345");
  await user.tab();
  expect([field.value, stored()]).toEqual(["1000", '[{"sku":"mug","quantity":1000}]']);
  const more = screen.getByRole("button", { name: "One Blue mug more" });
  expect(more.getAttribute("aria-disabled")).toBe("true");
  await user.click(more);
  expect(field.value).toBe("1000");
  // A disabled button would lose the focus.
  expect(document.activeElement).toBe(more);
});

test("what was bought with others has no heading before its products are known", async () => {
  fillBasket(["mug", 1]);
  let found: (() => void) | undefined;
  renderPage(<Shop />, {
    path: "/basket",
    routes: {
      ...PRODUCTS,
      "GET /products/{sku}": async (request) => {
        if (request.params["sku"] === "pot") await new Promise<void>((done) => (found = done));
        return PRODUCTS["GET /products/{sku}"](request);
      },
    },
  });
  await waitFor(() => {
    expect(found).toBeDefined();
  });
  expect(screen.queryByRole("heading", { name: "Also bought" })).toBeNull();
  found?.();
  expect(await screen.findByRole("heading", { name: "Also bought" })).toBeDefined();
});

test("an empty basket leads to the products", async () => {
  const { user } = renderPage(<Shop />, { routes: PRODUCTS, path: "/basket" });
  await user.click(screen.getByRole("link", { name: "See the products" }));
  expect(await screen.findByRole("heading", { name: "Products" })).toBeDefined();
});

test("a product that is no longer sold must be removed before the checkout", async () => {
  fillBasket(["mug", 1], ["old", 1]);
  const { user } = renderPage(<Shop />, { routes: PRODUCTS, path: "/basket" });
  expect(await screen.findByText("It is no longer sold.")).toBeDefined();
  expect(screen.queryByRole("link", { name: "Check out" })).toBeNull();
  await user.click(screen.getByRole("button", { name: "Remove old" }));
  expect(screen.getByRole("link", { name: "Check out" })).toBeDefined();
});

test("a basket whose prices could not be loaded is loaded on demand", async () => {
  fillBasket(["mug", 1]);
  let failing = true;
  const { user } = renderPage(<Shop />, {
    path: "/basket",
    routes: {
      ...PRODUCTS,
      "GET /products/{sku}": (request) => {
        if (failing) throw new TypeError("Failed to fetch");
        return PRODUCTS["GET /products/{sku}"](request);
      },
    },
  });
  expect(await screen.findByText("We could not load the basket.")).toBeDefined();
  failing = false;
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("link", { name: "Check out" })).toBeDefined();
});

test("a change of the basket in another tab is shown", async () => {
  renderPage(<Shop />, { routes: PRODUCTS });
  await screen.findByRole("link", { name: "Blue mug" });
  fillBasket(["mug", 7]);
  window.dispatchEvent(new StorageEvent("storage"));
  expect((await screen.findByText("7")).parentElement?.textContent).toBe("Basket7");
});
