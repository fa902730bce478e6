/** Events that have been announced, and that an order's timeline may lack. */

/** How long the timeline waits for an event, in milliseconds. */
const PATIENCE = 15_000;

/** An event that has been announced. */
export interface Awaited {
  readonly id: string;
  /** When its notification arrived, in milliseconds since 1970. */
  readonly since: number;
}

/** Returns true if a timeline lacks an event that was announced a short time ago. */
export function missing(awaited: readonly Awaited[], events: readonly { readonly id: string }[], now: number): boolean {
  const recorded = new Set(events.map(({ id }) => id));
  return awaited.some(({ id, since }) => !recorded.has(id) && now - since < PATIENCE);
}
