/** Live events: notifications that the service `live` pushes over a WebSocket. */

/** A notification of an event. It has no data: whoever needs it reads it from the API. */
export interface Notification {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time: string;
  /** The id of the event that caused it; absent after a request. */
  readonly causationid?: string;
}

export type LiveState = "connecting" | "connected" | "lost";

/** Longest pause between two attempts to connect, in milliseconds. */
const LONGEST_PAUSE = 30_000;

/** How long an attempt to connect may take, with its ticket, in milliseconds. */
const OPENING = 30_000;

/**
 * Milliseconds without a message after which a `ping` is sent. API Gateway closes a connection that is idle for 10
 * minutes, and the service one whose client sends more than a message a minute.
 */
const QUIET = 75_000;

/** How long the answer to a `ping` may take, in milliseconds. A network that is gone closes no connection. */
const ANSWER = 10_000;

/**
 * Returns the notification in a message; null if the message is something else.
 *
 * If a function fails, API Gateway sends `{"message": "Internal server error", "connectionId": …, "requestId": …}`.
 */
export function notificationIn(text: unknown): Notification | null {
  let found: unknown;
  try {
    found = JSON.parse(String(text));
  } catch {
    return null;
  }
  return isNotification(found) ? found : null;
}

function isNotification(value: unknown): value is Notification {
  if (typeof value !== "object" || value === null) return false;
  const { id, type, source, subject, time, causationid } = value as Record<string, unknown>;
  return (
    [id, type, source, subject, time].every((text) => typeof text === "string" && text !== "") &&
    !Number.isNaN(Date.parse(time as string)) &&
    (causationid === undefined || typeof causationid === "string")
  );
}

interface Owner {
  readonly opened: () => void;
  readonly received: (text: unknown) => void;
  /** Called once at most, and never after `close`. */
  readonly lost: () => void;
}

/** One attempt to connect, and the connection if it succeeds. It ends once: lost, or closed. */
class Connection {
  readonly #owner: Owner;
  #socket: WebSocket | undefined;
  /** Ends the attempt, sends the next `ping`, or ends the wait for its answer. */
  #timer: ReturnType<typeof setTimeout>;
  #state: "opening" | "open" | "ended" = "opening";
  /** When the last `ping` was sent. */
  #asked = -Infinity;

  constructor(address: string, ticket: () => Promise<string>, owner: Owner) {
    this.#owner = owner;
    this.#timer = setTimeout(this.#lose, OPENING);
    ticket()
      .then((found) => {
        this.#connect(`${address}?ticket=${encodeURIComponent(found)}`);
      })
      .catch(this.#lose);
  }

  /** Finds out whether an open connection still works, unless it was asked a moment ago. */
  check = (): void => {
    if (this.#state !== "open" || Date.now() - this.#asked < QUIET) return;
    this.#asked = Date.now();
    this.#socket?.send("ping");
    this.#wait(this.#lose, ANSWER);
  };

  close(): void {
    this.#state = "ended";
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect(address: string): void {
    if (this.#state === "ended") return;
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#state === "ended") return;
      this.#state = "open";
      this.#wait(this.check, QUIET);
      this.#owner.opened();
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (this.#state === "ended") return;
      // Each message shows that the connection works.
      this.#wait(this.check, QUIET);
      this.#owner.received(data);
    };
    socket.onclose = this.#lose;
  }

  #wait(act: () => void, milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, milliseconds);
  }

  #lose = (): void => {
    if (this.#state === "ended") return;
    // The browser reports the end of a dead connection only minutes later.
    this.close();
    this.#owner.lost();
  };
}

/**
 * A connection that is opened again whenever it is lost. A push can be lost with it. So listeners of the state read
 * what they show again once it is `connected`.
 */
export class LiveEvents {
  readonly #address: string;
  readonly #ticket: () => Promise<string>;
  readonly #listeners = new Set<(notification: Notification) => void>();
  readonly #watchers = new Set<() => void>();
  /** The connection that is open, or the attempt that runs; undefined between two attempts. */
  #connection: Connection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #open = false;
  #state: LiveState = "connecting";

  /**
   * @param address The address of the WebSocket API.
   * @param ticket Asks the API for a ticket, which opens one connection.
   */
  constructor(address: string, ticket: () => Promise<string>) {
    this.#address = address;
    this.#ticket = ticket;
  }

  get state(): LiveState {
    return this.#state;
  }

  /** Opens the connection, unless it is open. Returns a function that closes it. */
  open(): () => void {
    if (!this.#open) {
      this.#open = true;
      this.#connect();
      window.addEventListener("online", this.#check);
    }
    return () => {
      this.#open = false;
      clearTimeout(this.#timer);
      window.removeEventListener("online", this.#check);
      this.#connection?.close();
      this.#connection = undefined;
      this.#set("connecting");
    };
  }

  /** Calls a listener for each notification. Returns a function that ends this. */
  listen = (listener: (notification: Notification) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Calls a watcher whenever the state changes. Returns a function that ends this. */
  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  #connect = (): void => {
    clearTimeout(this.#timer);
    this.#connection = new Connection(this.#address, this.#ticket, {
      opened: () => {
        this.#attempts = 0;
        this.#set("connected");
      },
      received: (text) => {
        const notification = notificationIn(text);
        if (notification === null) return;
        this.#listeners.forEach((listener) => {
          listener(notification);
        });
      },
      lost: () => {
        this.#connection = undefined;
        const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.#attempts++);
        // Clients that lost their connections together do not come back together.
        this.#timer = setTimeout(this.#connect, pause * (0.5 + Math.random() / 2));
        this.#set("lost");
      },
    });
  };

  /** Does not wait for the next attempt, or the next `ping`, once the network is back. */
  #check = (): void => {
    if (this.#connection === undefined) this.#connect();
    else this.#connection.check();
  };

  #set(state: LiveState): void {
    this.#state = state;
    this.#watchers.forEach((watcher) => {
      watcher();
    });
  }
}
