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

/** How often an open connection is used, in milliseconds. API Gateway closes one that is idle for 10 minutes. */
const PING = 5 * 60_000;

/**
 * A connection that is opened again whenever it is lost. A push can be lost with it. So listeners of the state read
 * what they show again once it is `connected`.
 */
export class LiveEvents {
  readonly #address: string;
  readonly #ticket: () => Promise<string>;
  readonly #listeners = new Set<(notification: Notification) => void>();
  readonly #watchers = new Set<() => void>();
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ping: ReturnType<typeof setInterval> | undefined;
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
      void this.#connect();
      window.addEventListener("online", this.#retryNow);
    }
    return () => {
      this.#open = false;
      clearTimeout(this.#timer);
      clearInterval(this.#ping);
      window.removeEventListener("online", this.#retryNow);
      this.#socket?.close();
      this.#socket = undefined;
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

  #connect = async (): Promise<void> => {
    try {
      const ticket = await this.#ticket();
      if (!this.#open) return;
      const socket = new WebSocket(`${this.#address}?ticket=${encodeURIComponent(ticket)}`);
      this.#socket = socket;
      socket.onopen = () => {
        this.#attempts = 0;
        this.#set("connected");
        this.#ping = setInterval(() => {
          socket.send("ping");
        }, PING);
      };
      socket.onmessage = ({ data }: MessageEvent<string>) => {
        if (data === "pong") return;
        const notification = JSON.parse(data) as Notification;
        this.#listeners.forEach((listener) => {
          listener(notification);
        });
      };
      socket.onclose = () => {
        clearInterval(this.#ping);
        if (this.#open && this.#socket === socket) this.#retry();
      };
    } catch {
      if (this.#open) this.#retry();
    }
  };

  #retry(): void {
    this.#set("lost");
    const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.#attempts++);
    // Clients that lost their connections together do not come back together.
    this.#timer = setTimeout(() => void this.#connect(), pause * (0.5 + Math.random() / 2));
  }

  #retryNow = (): void => {
    if (this.#state !== "lost") return;
    clearTimeout(this.#timer);
    void this.#connect();
  };

  #set(state: LiveState): void {
    this.#state = state;
    this.#watchers.forEach((watcher) => {
      watcher();
    });
  }
}
