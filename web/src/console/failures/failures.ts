/** What the page of failures computes from dead letters. */

import type { components } from "../../generated/api";

export type DeadLetter = components["schemas"]["DeadLetterItem"];
export type FailureKind = DeadLetter["kind"];
export type RecoveryResult = components["schemas"]["RecoveryResult"];
export type Recovery = "redrive" | "drop";

/** The name of each kind of failure. */
export const KINDS: Readonly<Record<FailureKind, string>> = {
  dlq: "Not handled",
  undelivered: "Not delivered",
  relay: "Not relayed",
};

/** The conditions of a list of dead letters. An empty one selects all. */
export interface DeadLetterFilter {
  readonly service: string;
  readonly kind: string;
  readonly reason: string;
  readonly order: string;
}

/** Returns the dead letters that meet a filter's conditions, the oldest first. */
export function filterDeadLetters(items: readonly DeadLetter[], filter: DeadLetterFilter): readonly DeadLetter[] {
  const { service, kind, reason } = filter;
  const order = filter.order.trim();
  return items
    .filter(
      (item) =>
        (service === "" || item.service === service) &&
        (kind === "" || item.kind === kind) &&
        (reason === "" || item.reason === reason) &&
        (order === "" || item.order === order),
    )
    .toSorted((one, other) => one.sent_at.localeCompare(other.sent_at));
}

/** Returns the number of dead letters by reason, the most frequent first. */
export function countReasons(items: readonly DeadLetter[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { reason } of items) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].toSorted(([, one], [, other]) => other - one);
}

/** Returns the ids of dead letters by service. A request to redrive or drop is about one service. */
export function idsByService(items: readonly DeadLetter[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { service, id } of items) {
    const ids = groups.get(service);
    if (ids === undefined) groups.set(service, [id]);
    else ids.push(id);
  }
  return groups;
}

/** Returns why the dead letters cannot be redriven; null if they can. */
export function redriveRefusal(items: readonly DeadLetter[]): string | null {
  if (items.some(({ kind }) => kind === "relay"))
    return "A relay's dead letters are no messages of a consumer. The command tidings relay publishes their events again.";
  return null;
}

/** Returns a body as indented JSON, or unchanged if it is no JSON. */
export function formatBody(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** Returns the details of an action as text: `matched: 3, reason: gave-up`. */
export function formatDetails(details: unknown): string {
  if (details === null || details === undefined) return "";
  if (typeof details !== "object") return typeof details === "string" ? details : JSON.stringify(details);
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(
      ([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
    )
    .join(", ");
}
