import { useQuery } from "@tanstack/react-query";
import { screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { expect, test } from "vitest";
import { answer } from "./api";
import { useLiveState, useNotifications, usePage, usePerson } from "./page";
import { CUSTOMER, renderPage, violations } from "./testing";

const PRODUCT = { sku: "MUG", name: "Mug", price: { amount: 1250, currency: "EUR" } } as const;

function Page(): ReactNode {
  const { api, session } = usePage();
  const query = useQuery({
    queryKey: ["product"],
    queryFn: () => answer(api.GET("/products/{sku}", { params: { path: { sku: "MUG" } } })),
  });
  useNotifications(() => void query.refetch());
  return (
    <main>
      <h1>{query.data?.name ?? query.error?.message ?? "Loading"}</h1>
      <p>{useLiveState()}</p>
      <p>{usePerson()?.email ?? "nobody"}</p>
      <button onClick={() => void session.expire()}>Expire</button>
      <img src="icon.svg" />
    </main>
  );
}

test("a page in a test gets the answers of its routes, the person, and pushed notifications", async () => {
  const names = ["Mug", "Cup"];
  const page = renderPage(<Page />, {
    person: CUSTOMER,
    routes: { "GET /products/{sku}": () => ({ body: { ...PRODUCT, name: names.shift() ?? "" } }) },
  });
  expect(await screen.findByRole("heading", { name: "Mug" })).toBeDefined();
  expect(page.requests[0]?.params).toEqual({ sku: "MUG" });
  expect(page.requests[0]?.headers.get("Authorization")).toBe("Bearer token");
  page.push({ type: "OrderPlaced" });
  expect(await screen.findByRole("heading", { name: "Cup" })).toBeDefined();
  page.setLive("lost");
  expect(screen.getByText("lost")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Expire" }));
  expect(screen.getByText("nobody")).toBeDefined();
});

test("a problem of a route is the page's problem", async () => {
  const body = { type: "about:blank", title: "No such product", status: 404, detail: "There is no such product." };
  renderPage(<Page />, { routes: { "GET /products/{sku}": () => ({ status: 404, body }) } });
  expect(await screen.findByRole("heading", { name: "There is no such product." })).toBeDefined();
});

test("violated rules of accessibility are found", async () => {
  const { container } = renderPage(<Page />, { routes: { "GET /products/{sku}": () => ({ body: PRODUCT }) } });
  expect(await violations(container)).toEqual([expect.stringMatching(/^image-alt: /)]);
});
