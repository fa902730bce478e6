import { screen } from "@testing-library/react";
import type { UserEvent } from "@testing-library/user-event";
import { expect, test } from "vitest";
import { formatMoney } from "../../shared/money";
import { CUSTOMER, type FakeRequest, renderPage, type Routes, violations } from "../../shared/testing";
import { fillBasket, ID, ORDER, PRODUCTS, sampleProblem } from "../samples";
import { Shop } from "../Shop";

const euros = (amount: number) => formatMoney({ amount, currency: "EUR" });

const FOLLOWED = {
  ...PRODUCTS,
  "GET /orders/{id}": () => ({ body: ORDER }),
  "GET /orders/{id}/timeline": () => ({ body: { order_id: ID, events: [] } }),
} satisfies Routes;

const ADDRESS = { Name: "N. Name", "Street and number": "Street 1", "Postal code": "12345", City: "City" };

/** Shows the checkout of two mugs, whose address is complete. */
async function checkOut(place: NonNullable<Routes["POST /orders"]>) {
  fillBasket(["mug", 2]);
  const page = renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/checkout",
    routes: { ...FOLLOWED, "POST /orders": place },
  });
  await screen.findByLabelText("Name");
  for (const [label, text] of Object.entries(ADDRESS)) {
    await page.user.click(screen.getByLabelText(label));
    await page.user.paste(text);
  }
  await page.user.selectOptions(screen.getByLabelText("Country"), "France");
  const placements = () => page.requests.filter(({ method, path }) => method === "POST" && path === "/orders");
  return { ...page, placements };
}

async function submit(user: UserEvent): Promise<void> {
  await user.click(screen.getByRole("button", { name: /^Order and pay/ }));
}

function keys(requests: readonly FakeRequest[]): (string | null)[] {
  return requests.map(({ headers }) => headers.get("Idempotency-Key"));
}

test("a visitor signs in first, and comes back to the checkout", async () => {
  fillBasket(["mug", 2]);
  const { user, session } = renderPage(<Shop />, { routes: PRODUCTS, path: "/checkout" });
  await user.click(screen.getAllByRole("button", { name: "Sign in" })[1] ?? document.body);
  expect(session.signIn).toHaveBeenCalledWith("/checkout");
});

test("an order is sent with its address, method and total, empties the basket, and is shown", async () => {
  const { user, history, placements, container } = await checkOut(() => ({ status: 202, body: ORDER }));
  expect(await violations(container)).toEqual([]);
  await user.selectOptions(screen.getByLabelText("Payment method"), "pm_sca");
  await submit(user);
  expect(await screen.findByRole("heading", { name: "Your order" })).toBeDefined();
  expect(history.at(-1)).toBe(`/orders/${ID}`);
  expect(placements()[0]?.body).toEqual({
    lines: [{ sku: "mug", quantity: 2 }],
    payment_method: "pm_sca",
    address: { name: "N. Name", street: "Street 1", postal_code: "12345", city: "City", country: "FR" },
    expected_total: { amount: 2500, currency: "EUR" },
  });
  expect(localStorage.getItem("basket")).toBe("[]");
  expect(sessionStorage.getItem("placing")).toBeNull();
});

test("a repeat after a lost answer has the same key, and a changed request another one", async () => {
  let calls = 0;
  const { user, placements } = await checkOut(() => {
    calls += 1;
    if (calls < 3) throw new TypeError("Failed to fetch");
    return { status: 202, body: ORDER };
  });
  await submit(user);
  expect(await screen.findByText(/^The shop could not be reached/)).toBeDefined();
  await submit(user);
  expect(await screen.findByText(/^The shop could not be reached/)).toBeDefined();
  await user.type(screen.getByLabelText("City"), " West");
  await submit(user);
  await screen.findByRole("heading", { name: "Your order" });
  const [first, second, third] = keys(placements());
  expect(first).toMatch(/^[0-9a-f-]{36}$/);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test("a customer agrees to another total before the order is placed for it", async () => {
  const total = { amount: 2600, currency: "EUR" };
  const { user, placements } = await checkOut(({ body }) =>
    (body as { expected_total: { amount: number } }).expected_total.amount === total.amount
      ? { status: 202, body: ORDER }
      : sampleProblem(409, "Another total", { field: "expected_total", total }),
  );
  await submit(user);
  const alert = await screen.findByText(/^The prices have changed/);
  expect(alert.textContent).toContain(`The order costs ${euros(2600)} now. Nothing was ordered yet.`);
  await user.click(screen.getByRole("button", { name: `Order and pay ${euros(2600)}` }));
  expect(await screen.findByRole("heading", { name: "Your order" })).toBeDefined();
  const [first, second] = keys(placements());
  expect(second).toBe(first);
});

test("each problem is at its field, and the first one has the focus", async () => {
  const errors = [
    { title: "Not plain text", detail: "Write it without links.", field: "address.street" },
    { title: "Unknown SKU", detail: "There is no product mug.", field: "lines[0].sku" },
    { title: "Not accepted", detail: "The shop takes other methods.", field: "payment_method" },
    { title: "Too small", detail: "An order must cost more.", field: "lines" },
    { title: "Unsuitable", detail: "Sign in with another address." },
  ];
  const { user, container } = await checkOut(() => sampleProblem(422, "Not valid", { errors }));
  await submit(user);
  const street = screen.getByLabelText("Street and number");
  expect(await screen.findByText("Write it without links.")).toBeDefined();
  expect(street.getAttribute("aria-invalid")).toBe("true");
  expect(document.getElementById(street.getAttribute("aria-describedby") ?? "")?.textContent).toBe(
    "Write it without links.",
  );
  expect(document.activeElement).toBe(street);
  expect(screen.getByLabelText("Payment method").getAttribute("aria-invalid")).toBe("true");
  expect(screen.getByText("There is no product mug.").closest("li")?.textContent).toContain("Blue mug");
  expect(screen.getByText("An order must cost more.")).toBeDefined();
  expect(screen.getAllByRole("alert").map(({ textContent }) => textContent)).toContain("Sign in with another address.");
  expect(screen.getAllByText("Write it without links.")).toHaveLength(1);
  expect(await violations(container)).toEqual([]);
});

test("a session that has ended asks to sign in again, and keeps the basket", async () => {
  const { user } = await checkOut(() => sampleProblem(401, "Unauthorized"));
  await submit(user);
  expect(await screen.findByText("Sign in to order. Your basket stays as it is.")).toBeDefined();
  expect(localStorage.getItem("basket")).toBe('[{"sku":"mug","quantity":2}]');
});

test("nothing is checked out with an empty basket", () => {
  renderPage(<Shop />, { person: CUSTOMER, routes: PRODUCTS, path: "/checkout" });
  expect(screen.getByText("Your basket is empty")).toBeDefined();
});

test("a basket that no order may have leads back to it", async () => {
  fillBasket(["old", 1]);
  renderPage(<Shop />, { person: CUSTOMER, routes: PRODUCTS, path: "/checkout" });
  expect(await screen.findByText(/no longer sold/)).toBeDefined();
  expect(screen.getByRole("link", { name: "Back to the basket" })).toBeDefined();
});
