import type { PaymentElementProps } from "@stripe/react-stripe-js";
import { loadStripe } from "@stripe/stripe-js/pure";
import { screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { beforeEach, expect, test, vi } from "vitest";
import { CUSTOMER, renderPage, type Routes } from "../../shared/testing";
import { STILL_LOADING } from "../placing";
import { fillBasket, ID, ORDER, PAYMENT, PRODUCTS, sampleEvent } from "../samples";
import { Shop } from "../Shop";

/** Stripe's script, as far as the shop calls it. */
const STRIPE = {
  createPaymentMethod: vi.fn<() => Promise<unknown>>(),
  handleNextAction: vi.fn<(options: unknown) => Promise<unknown>>(),
};
const ELEMENTS = { submit: vi.fn<() => Promise<unknown>>() };

vi.mock("@stripe/stripe-js/pure", () => ({ loadStripe: vi.fn() }));
vi.mock("@stripe/react-stripe-js", () => ({
  Elements: ({ children }: { children: ReactNode }) => children,
  PaymentElement: ({ onChange }: PaymentElementProps) => (
    <button
      type="button"
      onClick={() => {
        onChange?.({} as never);
      }}
    >
      Card
    </button>
  ),
  useStripe: () => STRIPE,
  useElements: () => ELEMENTS,
}));

beforeEach(() => {
  let number = 0;
  STRIPE.createPaymentMethod.mockReset();
  STRIPE.createPaymentMethod.mockImplementation(() =>
    Promise.resolve({ paymentMethod: { id: `pm_${(number += 1)}` } }),
  );
  STRIPE.handleNextAction.mockReset();
  ELEMENTS.submit.mockResolvedValue({});
  vi.mocked(loadStripe).mockReset();
  vi.mocked(loadStripe).mockResolvedValue(STRIPE as never);
});

const LABELS = ["Name", "Street and number", "Postal code", "City"];

async function checkOut(place: NonNullable<Routes["POST /orders"]>) {
  fillBasket(["mug", 2]);
  const page = renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/checkout",
    config: { gateway: "stripe", publishableKey: "pk_test_1", paymentMethods: ["pm_*"] },
    routes: {
      ...PRODUCTS,
      "GET /orders/{id}": () => ({ body: ORDER }),
      "GET /orders/{id}/timeline": () => ({ body: { order_id: ID, events: [] } }),
      "POST /orders": place,
    },
  });
  for (const label of LABELS) await page.user.type(await screen.findByLabelText(label), "1");
  await screen.findByRole("button", { name: "Card" });
  const submit = () => page.user.click(screen.getByRole("button", { name: /^Order and pay/ }));
  const sent = () =>
    page.requests
      .filter(({ method }) => method === "POST")
      .map(({ body, headers }) => [
        (body as { payment_method: string }).payment_method,
        headers.get("Idempotency-Key"),
      ]);
  return { ...page, submit, sent };
}

test("an order is paid with the payment method that Stripe made of the card", async () => {
  const { submit, sent } = await checkOut(() => ({ status: 202, body: ORDER }));
  expect(loadStripe).toHaveBeenCalledWith("pk_test_1");
  await submit();
  await screen.findByRole("heading", { name: "Your order" });
  expect(sent()[0]?.[0]).toBe("pm_1");
});

test("a repeat names the same payment method, and another card another one", async () => {
  let calls = 0;
  const { user, submit, sent } = await checkOut(() => {
    calls += 1;
    if (calls < 3) throw new TypeError("Failed to fetch");
    return { status: 202, body: ORDER };
  });
  await submit();
  await screen.findByText(/^The shop could not be reached/);
  await submit();
  await screen.findByText(/^The shop could not be reached/);
  await user.click(screen.getByRole("button", { name: "Card" }));
  await submit();
  await screen.findByRole("heading", { name: "Your order" });
  const [first, second, third] = sent();
  expect(second).toEqual(first);
  expect(third?.[0]).toBe("pm_2");
  // The key stays, because the answer was lost: one order at most is placed under it.
  expect(third?.[1]).toBe(first?.[1]);
});

test("a card that is not complete is not sent", async () => {
  ELEMENTS.submit.mockResolvedValue({ error: { message: "Your card number is incomplete." } });
  const { submit, sent } = await checkOut(() => ({ status: 202, body: ORDER }));
  await submit();
  expect(await screen.findByText("Your card number is incomplete.")).toBeDefined();
  expect(sent()).toEqual([]);
});

test("a card that Stripe refuses is not sent", async () => {
  STRIPE.createPaymentMethod.mockResolvedValue({ error: { message: "Your card has expired." } });
  const { submit, sent } = await checkOut(() => ({ status: 202, body: ORDER }));
  await submit();
  expect(await screen.findByText("Your card has expired.")).toBeDefined();
  expect(sent()).toEqual([]);
});

test("a card form that cannot be loaded is loaded on demand", async () => {
  vi.mocked(loadStripe).mockRejectedValueOnce(new Error("Failed to load Stripe.js"));
  fillBasket(["mug", 1]);
  const { user } = renderPage(<Shop />, {
    person: CUSTOMER,
    path: "/checkout",
    config: { gateway: "stripe" },
    routes: PRODUCTS,
  });
  expect((await screen.findByRole("alert")).textContent).toContain("We could not load the card form.");
  for (const label of LABELS) await user.type(screen.getByLabelText(label), "1");
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("button", { name: "Card" })).toBeDefined();
  // The button sends no order, although the form has it.
  expect(screen.queryByText(STILL_LOADING)).toBeNull();
});

function showApproval() {
  const approval = { publishable_key: "pk_test_1", client_secret: "secret", url: "" };
  return renderPage(<Shop />, {
    person: CUSTOMER,
    path: `/orders/${ID}`,
    routes: {
      ...PRODUCTS,
      "GET /orders/{id}": () => ({ body: { ...ORDER, waiting_for: ["approval"] } }),
      "GET /orders/{id}/timeline": () => ({
        body: { order_id: ID, events: [sampleEvent("PaymentActionRequired", "payment", { amount: ORDER.total })] },
      }),
      "GET /orders/{id}/payment": () => ({
        body: { ...PAYMENT, status: "action_required", gateway: "stripe", approval },
      }),
    },
  });
}

test("a payment is approved by Stripe's script, and the order is read again", async () => {
  STRIPE.handleNextAction.mockResolvedValue({});
  const { user, requests } = showApproval();
  const button = await screen.findByRole("button", { name: "Approve the payment" });
  const before = requests.length;
  await user.click(button);
  await vi.waitFor(() => {
    expect(requests.length).toBeGreaterThan(before);
  });
  expect(STRIPE.handleNextAction).toHaveBeenCalledWith({ clientSecret: "secret" });
});

test("a payment that was not approved says why, and can be approved again", async () => {
  STRIPE.handleNextAction.mockResolvedValue({ error: { message: "You closed the window." } });
  const { user } = showApproval();
  await user.click(await screen.findByRole("button", { name: "Approve the payment" }));
  expect((await screen.findByRole("alert")).textContent).toBe("You closed the window.");
  expect(screen.getByRole("button", { name: "Approve the payment" })).toBeDefined();
});
