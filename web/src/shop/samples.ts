/** Answers of the API for the tests of the shop's pages. */

import type { FakeRequest, Routes } from "../shared/testing";
import type { Product } from "./data";
import type { Order, Payment, TimelineEvent } from "./words";

export const MUG: Product = { sku: "mug", name: "Blue mug", price: { amount: 1250, currency: "EUR" } };
export const TEA: Product = { sku: "tea", name: "Assam tea", price: { amount: 499, currency: "EUR" } };
export const POT: Product = { sku: "pot", name: "Iron pot", price: { amount: 3900, currency: "EUR" } };

export const ID = "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11";

export const ORDER: Order = {
  id: ID,
  status: "PENDING",
  lines: [{ sku: "mug", quantity: 2, price: MUG.price }],
  total: { amount: 2500, currency: "EUR" },
  created_at: "2026-01-01T12:00:00Z",
  waiting_for: ["payment", "stock"],
};

export const PAYMENT: Payment = {
  status: "captured",
  amount: ORDER.total,
  gateway: "simulated",
  refunds: [],
  approval: null,
};

/** Returns an event of the order. */
export function sampleEvent(type: string, source: string, data: unknown = {}): TimelineEvent {
  return { id: `${source}/${ID}/${type}`, type, source, time: ORDER.created_at, causationid: null, delay_ms: 0, data };
}

/** Returns a problem of a request. */
export function sampleProblem<Status extends number>(status: Status, title: string, more: object = {}) {
  return { status, body: { type: "about:blank", title, status, detail: `${title}.`, ...more } };
}

/** The routes of products, which most pages read. */
export const PRODUCTS = {
  "GET /products": () => ({ body: { items: [MUG, TEA], next: null } }),
  "GET /products/{sku}": ({ params }: FakeRequest) => {
    const found = [MUG, TEA, POT].find(({ sku }) => sku === params["sku"]);
    return found ? { body: found } : sampleProblem(404, "No such product");
  },
  "GET /recommendations/{sku}": ({ params }: FakeRequest) => ({
    body: { sku: params["sku"] ?? "", items: [{ sku: "pot", count: 3 }] },
  }),
} satisfies Routes;

/** Puts lines into the basket before a page is shown. */
export function fillBasket(...lines: readonly [sku: string, quantity: number][]): void {
  localStorage.setItem("basket", JSON.stringify(lines.map(([sku, quantity]) => ({ sku, quantity }))));
}
