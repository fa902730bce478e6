/** The placing of an order: the request's idempotency key, and what the API's refusal means. */

import type { components } from "../generated/api";
import type { Money } from "../shared/money";
import type { ProblemError } from "../shared/problem";

export type OrderRequest = components["schemas"]["OrderRequest"];

export const STILL_LOADING = "The card form is still loading. Try again in a moment.";

const KEY = "placing";

/** A request that was sent and whose answer may have been lost. */
interface Attempt {
  /** The request without the expected total, which is a condition and no part of the order. */
  readonly order: string;
  readonly key: string;
}

/**
 * Returns the idempotency key of a request: the same one for a repeat of the same order, and a new one otherwise.
 *
 * The key is kept in this tab, so that a repeat after a reload creates no second order.
 */
export function keyOf({ lines, payment_method, address }: OrderRequest): string {
  const order = JSON.stringify([lines, payment_method, address]);
  const last = readAttempt();
  if (last?.order === order) return last.key;
  const attempt: Attempt = { order, key: crypto.randomUUID() };
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  return attempt.key;
}

/** Forgets the key, because the order is placed. The same order is then a second one. */
export function forgetKey(): void {
  sessionStorage.removeItem(KEY);
}

function readAttempt(): Attempt | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Attempt | null;
  } catch {
    return null;
  }
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
