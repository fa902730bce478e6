import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { OPERATOR, renderPage, type RenderedPage, violations } from "../../shared/testing";
import Contracts from "./Contracts";

function renderContracts(path = "/contracts"): RenderedPage {
  return renderPage(<Contracts />, { person: OPERATOR, path });
}

test("the event of the address is open, with its fields and its personal data", async () => {
  const page = renderContracts("/contracts?event=OrderPlaced");
  const table = await screen.findByRole("table", { name: "Fields of OrderPlaced" });
  const row = within(table).getByText("address.city").closest("tr");
  expect(row?.textContent).toContain("Personal");
  expect(within(table).getByText("lines[].sku").closest("tr")?.textContent).not.toContain("Personal");
  expect(screen.getAllByRole("table")).toHaveLength(1);
  await page.user.type(screen.getByLabelText("Find an event"), "address.city");
  expect(await violations(page.container)).toEqual([]);
});

test("a search finds events by a field, and says when none has it", async () => {
  const page = renderContracts();
  const search = screen.getByLabelText("Find an event");
  await page.user.type(search, "address.city");
  expect(screen.getAllByRole("heading", { level: 2 })).toHaveLength(2);
  await page.user.type(search, " nothing");
  await page.user.click(screen.getByRole("button", { name: "Show all" }));
  expect(screen.getAllByRole("heading", { level: 2 }).length).toBeGreaterThan(20);
});

test("events and services lead to each other", async () => {
  const page = renderContracts("/contracts?event=StockRejected");
  await page.user.click(await screen.findByRole("link", { name: "inventory" }));
  expect(screen.getAllByRole("heading", { level: 2 }).map(({ textContent }) => textContent)).toEqual(["inventory"]);
  expect(await violations(page.container)).toEqual([]);
  await page.user.click(screen.getByRole("link", { name: "OrderPlaced" }));
  expect(await screen.findByRole("table", { name: "Fields of OrderPlaced" })).toBeDefined();
  expect(page.history.at(-1)).toBe("/contracts?event=OrderPlaced");
});

test("all services are shown again on request", async () => {
  const page = renderContracts("/contracts?service=unknown");
  expect(await screen.findByText("No service has this name")).toBeDefined();
  await page.user.click(screen.getByRole("button", { name: "Show all services" }));
  expect(screen.getByRole("heading", { level: 2, name: "warehouse" })).toBeDefined();
});
