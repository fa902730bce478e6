/** The latest events: what has arrived, the times without a connection, and how fast events arrive. */

import type { CatalogueService } from "../../generated/catalogue";
import type { Notification } from "../../shared/live";

/** Most entries that are kept. */
export const MOST_ENTRIES = 1000;

/** The time over which rates are measured, in milliseconds. */
export const WINDOW = 10_000;

/** An event that has arrived. */
export interface Arrival extends Notification {
  readonly kind: "event";
  /** When it arrived, in milliseconds since 1970. */
  readonly arrived: number;
}

/** A time without a connection. Events of this time are missing. */
export interface Gap {
  readonly kind: "gap";
  readonly id: string;
  readonly from: number;
  readonly to: number;
}

export type Entry = Arrival | Gap;

export interface Tail {
  /** The latest one first. */
  readonly entries: readonly Entry[];
  /** Number of all events by source. */
  readonly sources: ReadonlyMap<string, number>;
  /** Number of all events by type. */
  readonly types: ReadonlyMap<string, number>;
}

export const EMPTY: Tail = { entries: [], sources: new Map(), types: new Map() };

/** Adds entries, the earliest one first. An event that is pushed twice is added once. */
export function append(tail: Tail, added: readonly Entry[]): Tail {
  const ids = new Set(tail.entries.map(({ id }) => id));
  const fresh = added.filter(({ id }) => !ids.has(id) && ids.add(id));
  const sources = new Map(tail.sources);
  const types = new Map(tail.types);
  for (const entry of fresh) {
    if (entry.kind === "gap") continue;
    sources.set(entry.source, (sources.get(entry.source) ?? 0) + 1);
    types.set(entry.type, (types.get(entry.type) ?? 0) + 1);
  }
  return { entries: [...fresh.toReversed(), ...tail.entries].slice(0, MOST_ENTRIES), sources, types };
}

/**
 * Returns how many events a second arrived in the last 10 seconds. If more arrived than are kept, the time since the
 * oldest one counts.
 */
export function rate(tail: Tail, now: number, counts: (arrival: Arrival) => boolean = () => true): number {
  const recent = tail.entries.filter((entry) => entry.kind === "event" && entry.arrived > now - WINDOW) as Arrival[];
  const oldest = recent.at(-1);
  const full = recent.length >= MOST_ENTRIES && oldest !== undefined;
  // The clock of the page has whole seconds, so the latest event may be later than now.
  const end = Math.max(now, recent[0]?.arrived ?? 0);
  const seconds = (full ? Math.max(end - oldest.arrived, 1) : WINDOW) / 1000;
  return recent.filter(counts).length / seconds;
}

/** Returns whether a subject is an order, and not the month of a product's changes such as `MUG:2026-11`. */
export function isOrder(subject: string): boolean {
  return !subject.includes(":");
}

/** An order of which an event has arrived. */
export interface SeenOrder {
  readonly id: string;
  readonly latest: Arrival;
  readonly events: number;
}

/** Returns the orders of the latest events, the one with the latest event first. */
export function seenOrders({ entries }: Tail, most: number): readonly SeenOrder[] {
  const orders = new Map<string, SeenOrder>();
  for (const entry of entries) {
    if (entry.kind === "gap" || !isOrder(entry.subject)) continue;
    const seen = orders.get(entry.subject);
    orders.set(entry.subject, { id: entry.subject, latest: seen?.latest ?? entry, events: (seen?.events ?? 0) + 1 });
  }
  return [...orders.values()].slice(0, most);
}

/** Number and rate of events. */
export interface Figures {
  readonly count: number;
  readonly rate: number;
}

/** What a service has announced, and what was sent to its queue. */
export interface Load {
  readonly service: string;
  readonly announced: Figures;
  readonly handled: Figures;
}

/** Returns the figures of each service. */
export function loads(tail: Tail, services: readonly CatalogueService[], now: number): readonly Load[] {
  return services.map(({ name, handles }) => {
    const handled: ReadonlySet<string> = new Set(handles);
    const sent = handles.reduce((total, type) => total + (tail.types.get(type) ?? 0), 0);
    return {
      service: name,
      announced: {
        count: tail.sources.get(name) ?? 0,
        rate: rate(tail, now, ({ source }) => source === name),
      },
      handled: { count: sent, rate: rate(tail, now, ({ type }) => handled.has(type)) },
    };
  });
}
