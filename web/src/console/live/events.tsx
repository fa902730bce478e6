/** The latest events, which the console keeps while somebody is signed in, whatever page is shown. */

import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from "react";
import type { LiveEvents, Notification } from "../../shared/live";
import { usePage } from "../../shared/page";
import { append, EMPTY, type Entry, type Tail } from "./tail";

/** How often what is shown changes at most, in milliseconds. */
const PACE = 200;

/** The events of a connection, as they arrive. */
export class EventStore {
  readonly #live: LiveEvents;
  readonly #watchers = new Set<() => void>();
  #tail = EMPTY;
  #pending: Entry[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lostAt: number | undefined;

  constructor(live: LiveEvents) {
    this.#live = live;
  }

  /** Begins to collect. Returns a function that ends this. */
  start = (): (() => void) => {
    const ends = [this.#live.listen(this.#receive), this.#live.watch(this.#notice)];
    return () => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      ends.forEach((end) => {
        end();
      });
    };
  };

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  read = (): Tail => this.#tail;

  #receive = (notification: Notification): void => {
    this.#add({ ...notification, kind: "event", arrived: Date.now() });
  };

  /** Records the time between a loss of the connection and the next one. */
  #notice = (): void => {
    const { state } = this.#live;
    if (state === "lost") this.#lostAt ??= Date.now();
    if (state !== "connected" || this.#lostAt === undefined) return;
    this.#add({ kind: "gap", id: `gap:${this.#lostAt}`, from: this.#lostAt, to: Date.now() });
    this.#lostAt = undefined;
  };

  #add(entry: Entry): void {
    this.#pending.push(entry);
    this.#timer ??= setTimeout(this.#flush, PACE);
  }

  #flush = (): void => {
    this.#timer = undefined;
    this.#tail = append(this.#tail, this.#pending);
    this.#pending = [];
    this.#watchers.forEach((watcher) => {
      watcher();
    });
  };
}

const Context = createContext<EventStore | null>(null);

/** Keeps the latest events while it is shown. */
export function Events({ children }: { children: ReactNode }): ReactNode {
  const { live } = usePage();
  const [store] = useState(() => new EventStore(live));
  useEffect(() => store.start(), [store]);
  return <Context value={store}>{children}</Context>;
}

/** Returns the latest events. */
export function useTail(): Tail {
  const store = use(Context);
  if (store === null) throw new Error("the latest events are not kept here");
  return useSyncExternalStore(store.watch, store.read);
}
