/** The placing of an order: its idempotency key, and what the API's refusal means. */

import type { components } from "../generated/api";
import type { Money } from "../shared/money";
import { ProblemError } from "../shared/problem";
import type { Order } from "./words";

export type OrderRequest = components["schemas"]["OrderRequest"];

export const STILL_LOADING = "The card form is still loading. Try again in a moment.";

/** The query of an order's page that says that the order had been placed by an earlier request. */
export const PLACED_BEFORE = "placed=before";

/** The keys of a browser that stores nothing for this page: they last until it is closed. */
const unstored = new Map<string, string>();

/**
 * Returns the idempotency key of the person's next order.
 *
 * It stays the same until an order is known to have been placed under it, whatever the next request contains, and in
 * all tabs: the answer to an earlier request may have been lost. The API places one order at most under a key. So a
 * repeat gets the first answer, and another request learns which order has the key.
 */
export function keyOf(person: string): string {
  const name = nameOf(person);
  return read(name) ?? keep(name, crypto.randomUUID());
}

/** Forgets a key, because the person knows of its order. Another tab may have begun with the next one, which stays. */
export function forgetKey(person: string, key: string): void {
  const name = nameOf(person);
  if (read(name) !== key) return;
  unstored.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // It was not stored.
  }
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name) ?? unstored.get(name) ?? null;
  } catch {
    return unstored.get(name) ?? null;
  }
}

function keep(name: string, key: string): string {
  try {
    localStorage.setItem(name, key);
  } catch {
    unstored.set(name, key);
  }
  return key;
}

function nameOf(person: string): string {
  return `placing.${person}`;
}

/** Returns the id of the order that was placed by an earlier request; null if a request failed for another reason. */
export function earlierOrderOf(error: Error | null): string | null {
  if (!(error instanceof ProblemError)) return null;
  const { problem, status } = error;
  return status === 422 && "order" in problem && typeof problem.order === "string" ? problem.order : null;
}

/** Returns true if an order has the lines of a request. */
export function hasLines(order: Pick<Order, "lines">, { lines }: Pick<OrderRequest, "lines">): boolean {
  const text = (each: OrderRequest["lines"]) => JSON.stringify(each.map(({ sku, quantity }) => [sku, quantity]));
  return text(order.lines) === text(lines);
}

/** Returns what the order costs now, if it is refused because it costs another amount than the customer saw. */
export function newTotalOf({ problem, status }: ProblemError): Money | null {
  return status === 409 && "total" in problem ? (problem.total as Money) : null;
}

/** Returns the problems at the lines of an order by their number, such as that of the field `lines[2].sku`. */
export function lineProblems({ fields }: ProblemError): ReadonlyMap<number, string> {
  const found = [...fields].flatMap(([field, detail]): [number, string][] => {
    const number = /^lines\[(\d+)\]/.exec(field)?.[1];
    return number === undefined ? [] : [[Number(number), detail]];
  });
  return new Map(found);
}
