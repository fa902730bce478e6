/** What the page of failures computes from dead letters. */

import type { components } from "../../generated/api";
import { formatNumber } from "../shared/format";

export type DeadLetter = components["schemas"]["DeadLetterView"];
export type FailureKind = DeadLetter["kind"];
export type RecoveryResult = components["schemas"]["DeadLettersChanged"];
export type Recovery = "redrive" | "drop";

/** The name of each kind of failure. */
export const KINDS: Readonly<Record<FailureKind, string>> = {
  dlq: "Not handled",
  undelivered: "Not delivered",
  relay: "Not relayed",
};

/** The conditions of a list of dead letters. One that is empty selects all. */
export interface DeadLetterFilter {
  readonly service: string;
  readonly kind: string;
  readonly reason: string;
  readonly order: string;
}

/** Returns the conditions that a filter has, as the API's query. */
export function conditionsOf(filter: DeadLetterFilter): Partial<DeadLetterFilter> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ""));
}

/** Returns the number of dead letters by reason. */
export function countReasons(items: readonly DeadLetter[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { reason } of items) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** The dead letters of one queue. A request to redrive or drop is about one queue. */
export interface QueueSelection {
  readonly service: string;
  readonly kind: FailureKind;
  readonly ids: readonly string[];
}

/** Returns dead letters by their queues. */
export function selectByQueue(items: readonly DeadLetter[]): readonly QueueSelection[] {
  const queues = new Map<string, { service: string; kind: FailureKind; ids: string[] }>();
  for (const { service, kind, id } of items) {
    const queue = queues.get(`${service} ${kind}`) ?? { service, kind, ids: [] };
    queue.ids.push(id);
    queues.set(`${service} ${kind}`, queue);
  }
  return [...queues.values()];
}

/** Returns what an operator does about a dead letter, as a sentence. */
export function formatRemedy({ remedy, since }: Pick<DeadLetter, "remedy" | "since">): string {
  if (remedy === null)
    return `Publish its events again with tidings relay${since === null ? "" : ` --since ${since}`}, then drop it.`;
  const action = remedy.action === "drop" ? "drop it: no service handles it" : "redrive it";
  const sentence = remedy.first === "" ? action : `${remedy.first}, then ${action}`;
  return `${sentence.slice(0, 1).toUpperCase()}${sentence.slice(1)}.`;
}

/** Returns the dead letters that fail again as things are, by what must be done before. */
export function failingAgain(items: readonly DeadLetter[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { remedy, since } of items) {
    if (remedy === null || (remedy.action === "redrive" && remedy.first === "")) continue;
    const text = formatRemedy({ remedy, since });
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts];
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

/** How many reasons are named, and how many characters of each. Anyone may have written a message's reason. */
const MOST_REASONS = 5;
const LONGEST_REASON = 60;

/** Returns the number of messages of an action by the reason of their failure: `gave-up 2, undecodable 1`. */
export function formatReasons(reasons: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(reasons).toSorted(([, one], [, other]) => other - one);
  const named = sorted
    .slice(0, MOST_REASONS)
    .map(([reason, count]) => `${shorten(reason, LONGEST_REASON)} ${formatNumber(count)}`);
  const others = sorted.length - named.length;
  return [...named, ...(others > 0 ? [`${others} other ${others === 1 ? "reason" : "reasons"}`] : [])].join(", ");
}

/** Returns the beginning of a text, with `…` if it is longer. */
function shorten(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}
