import { screen } from "@testing-library/react";
import type { UserEvent } from "@testing-library/user-event";
import { expect, test } from "vitest";
import { formatMoney } from "../../shared/money";
import { CUSTOMER, type FakeRequest, renderPage, type Routes, violations } from "../../shared/testing";
import { fillBasket, ID, MUG, ORDER, PRODUCTS, sampleProblem } from "../samples";
import { Shop } from "../Shop";
import type { Order } from "../words";

const euros = (amount: number) => formatMoney({ amount, currency: "EUR" });

const FOLLOWED = {
  ...PRODUCTS,
  "GET /orders/{id}": () => ({ body: ORDER }),
  "GET /orders/{id}/timeline": () => ({ body: { order_id: ID, events: [] } }),
} satisfies Routes;

const ADDRESS = { Name: "N. Name", "Street and number": "Street 1", "Postal code": "12345", City: "City" };

/** Shows the checkout of a line, two mugs by default, whose address is complete. */
async function checkOut(
  place: NonNullable<Routes["POST /orders"]>,
  more: Routes = {},
  line: [sku: string, quantity: number] = ["mug", 2],
) {
  fillBasket(line);
  const page = renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/checkout",
    routes: { ...FOLLOWED, "POST /orders": place, ...more },
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
  expect(localStorage.getItem(`placing.${CUSTOMER.id}`)).toBeNull();
});

// Answers that are lost

/** The API's placing of orders: one order at most under a key. The first answers are lost, as many as a test says. */
function sampleOrders({ lost }: { lost: number }) {
  const orders = new Map<string, Order>();
  const bodies = new Map<string, string>();
  let answers = 0;
  const place: NonNullable<Routes["POST /orders"]> = ({ headers, body }) => {
    const key = headers.get("Idempotency-Key") ?? "";
    const text = JSON.stringify(body);
    const placed = orders.get(key);
    const id = placed?.id ?? `${ID.slice(0, -1)}${orders.size}`;
    const { lines } = body as { lines: Order["lines"] };
    const order = placed ?? { ...ORDER, id, lines: lines.map((line) => ({ ...line, price: MUG.price })) };
    orders.set(key, order);
    if (placed === undefined) bodies.set(key, text);
    answers += 1;
    if (answers <= lost) throw new TypeError("Failed to fetch");
    if (bodies.get(key) !== text) {
      return sampleProblem(422, "The key is taken", { field: "Idempotency-Key", order: id });
    }
    return { status: 202, body: order, ...(placed && { headers: { "Idempotent-Replayed": "true" } }) };
  };
  const show: NonNullable<Routes["GET /orders/{id}"]> = ({ params }) => {
    const found = [...orders.values()].find(({ id }) => id === params["id"]);
    return found === undefined ? sampleProblem(404, "No such order") : { body: found };
  };
  return { orders, place, show };
}

const LOST = /^The shop could not be reached/;
const BEFORE = /^This order had been placed before/;

/** Places an order whose answer is lost, and closes the page. Returns the API's orders. */
async function loseAnswer(): Promise<ReturnType<typeof sampleOrders>> {
  const sample = sampleOrders({ lost: 1 });
  const { user, unmount } = await checkOut(sample.place, { "GET /orders/{id}": sample.show });
  await submit(user);
  await screen.findByText(LOST);
  unmount();
  return sample;
}

test("a repeat after a lost answer places no second order, and says so", async () => {
  const { orders, place, show } = sampleOrders({ lost: 1 });
  const { user, container } = await checkOut(place, { "GET /orders/{id}": show });
  await submit(user);
  expect(await screen.findByText(LOST)).toBeDefined();
  expect(await violations(container)).toEqual([]);
  await submit(user);
  expect(await screen.findByText(BEFORE)).toBeDefined();
  expect(orders.size).toBe(1);
  expect(await violations(container)).toEqual([]);
});

test("another payment method after a lost answer and a reload leads to the order that was placed", async () => {
  const { orders, place, show } = await loseAnswer();
  const { user, history } = await checkOut(place, { "GET /orders/{id}": show });
  await user.selectOptions(screen.getByLabelText("Payment method"), "pm_sca");
  await submit(user);
  expect(await screen.findByText(BEFORE)).toBeDefined();
  expect(orders.size).toBe(1);
  expect(history.at(-1)).toMatch(`/orders/${[...orders.values()][0]?.id}`);
  expect(localStorage.getItem("basket")).toBe("[]");
});

test("another tab after a lost answer places no second order", async () => {
  const { orders, place, show } = await loseAnswer();
  // Each tab has its own session storage.
  sessionStorage.clear();
  const { user } = await checkOut(place, { "GET /orders/{id}": show });
  await submit(user);
  expect(await screen.findByText(BEFORE)).toBeDefined();
  expect(orders.size).toBe(1);
});

test("another basket after a lost answer is ordered only once the customer knows of the earlier order", async () => {
  const { orders, place, show } = await loseAnswer();
  const { user, container, placements } = await checkOut(place, { "GET /orders/{id}": show }, ["mug", 1]);
  await submit(user);
  expect((await screen.findByText("An earlier order of yours was placed.")).closest("[role=alert]")).not.toBeNull();
  const link = screen.getByRole("link", { name: "See the earlier order" });
  expect(link.getAttribute("href")).toBe(`/orders/${[...orders.values()][0]?.id}`);
  expect(screen.getAllByRole("alert")).toHaveLength(1);
  expect(await violations(container)).toEqual([]);
  expect(orders.size).toBe(1);
  await user.click(screen.getByRole("button", { name: `Order this too and pay ${euros(1250)}` }));
  await screen.findByRole("heading", { name: "Your order" });
  expect(screen.queryByText(BEFORE)).toBeNull();
  expect(orders.size).toBe(2);
  const [refused, placed] = keys(placements());
  expect(placed).not.toBe(refused);
});

test("a customer who has seen the earlier order orders anew", async () => {
  const { orders, place, show } = await loseAnswer();
  const middle = await checkOut(place, { "GET /orders/{id}": show }, ["mug", 1]);
  await submit(middle.user);
  await middle.user.click(await screen.findByRole("link", { name: "See the earlier order" }));
  await screen.findByRole("heading", { name: "Your order" });
  middle.unmount();
  const { user } = await checkOut(place, { "GET /orders/{id}": show }, ["mug", 1]);
  await submit(user);
  await screen.findByRole("heading", { name: "Your order" });
  expect(orders.size).toBe(2);
});

test("a request that was refused may be sent again with any change", async () => {
  const { orders, place, show } = sampleOrders({ lost: 0 });
  let refused = false;
  const { user } = await checkOut(
    (request) => {
      if (refused) return place(request);
      refused = true;
      return sampleProblem(422, "Not valid", {
        errors: [{ title: "No", detail: "Not there.", field: "address.city" }],
      });
    },
    { "GET /orders/{id}": show },
  );
  await submit(user);
  await screen.findByText("Not there.");
  await user.type(screen.getByLabelText("City"), " West");
  await submit(user);
  await screen.findByRole("heading", { name: "Your order" });
  expect(orders.size).toBe(1);
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

test("a request under way is not sent twice", async () => {
  const { user, placements } = await checkOut(() => new Promise(() => undefined));
  await submit(user);
  const button = await screen.findByRole("button", { name: "Placing the order…" });
  await user.click(button);
  expect(button.getAttribute("aria-disabled")).toBe("true");
  expect(placements()).toHaveLength(1);
});

test("after a problem that is at no field, the button has the focus", async () => {
  const { user } = await checkOut(() => sampleProblem(503, "Busy"));
  await submit(user);
  expect(await screen.findByText("The shop is very busy. Try again in a moment.")).toBeDefined();
  expect(document.activeElement).toBe(screen.getByRole("button", { name: /^Order and pay/ }));
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
