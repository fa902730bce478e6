/** Which dead letters of an order are redriven together. */

import type { DeadLetter } from "./queries";

/** Dead letters of one queue. */
export interface Batch {
  readonly service: string;
  readonly kind: DeadLetter["kind"];
  readonly ids: readonly string[];
}

/** What became of the dead letters that were redriven. */
export interface Outcome {
  readonly done: number;
  readonly left: number;
  /** The reasons why a queue refused messages. */
  readonly refused: readonly string[];
}

/** Returns the dead letters whose remedy is to redrive them, by queue. */
export function batches(letters: readonly DeadLetter[]): readonly Batch[] {
  const queues = new Map<string, Batch>();
  for (const { id, service, kind, remedy } of letters) {
    if (remedy?.action !== "redrive") continue;
    const queue = `${service} ${kind}`;
    queues.set(queue, { service, kind, ids: [...(queues.get(queue)?.ids ?? []), id] });
  }
  return [...queues.values()];
}
