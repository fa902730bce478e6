import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveEvents, type Notification } from "./live";

class Socket {
  static opened: Socket[] = [];
  readonly address: string;
  readonly sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(address: string) {
    this.address = address;
    Socket.opened.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.closed = true;
    this.onclose?.();
  }
}

const NOTIFICATION: Notification = {
  id: "orders/1/1",
  type: "OrderPlaced",
  source: "orders",
  subject: "1",
  time: "2026-01-01T00:00:00.000Z",
};

/** Returns the latest socket. */
function socket(): Socket {
  const latest = Socket.opened.at(-1);
  if (latest === undefined) throw new Error("no connection was opened");
  return latest;
}

let tickets: number;

function events(ticket = () => Promise.resolve(`t${++tickets}`)): LiveEvents {
  return new LiveEvents("wss://live.example/dev", ticket);
}

async function connected(live: LiveEvents): Promise<() => void> {
  const close = live.open();
  await vi.advanceTimersByTimeAsync(0);
  socket().onopen?.();
  return close;
}

beforeEach(() => {
  tickets = 0;
  Socket.opened = [];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a connection is opened with a ticket, and hands on what is pushed", async () => {
  const live = events();
  const received: Notification[] = [];
  live.listen((notification) => received.push(notification));
  await connected(live);
  expect([socket().address, live.state]).toEqual(["wss://live.example/dev?ticket=t1", "connected"]);
  socket().onmessage?.({ data: JSON.stringify(NOTIFICATION) });
  socket().onmessage?.({ data: "pong" });
  expect(received).toEqual([NOTIFICATION]);
});

test("a lost connection is opened again with a new ticket", async () => {
  const live = events();
  const states: string[] = [];
  live.watch(() => states.push(live.state));
  await connected(live);
  socket().close();
  await vi.advanceTimersByTimeAsync(500);
  socket().onopen?.();
  expect(states).toEqual(["connected", "lost", "connected"]);
  expect(Socket.opened.map(({ address }) => address.slice(-2))).toEqual(["t1", "t2"]);
});

test("each attempt that fails waits longer, up to half a minute", async () => {
  const attempts: number[] = [];
  const live = events(() => {
    attempts.push(Date.now());
    return Promise.reject(new Error("no network"));
  });
  live.open();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  const pauses = attempts.slice(1).map((time, index) => time - (attempts[index] ?? 0));
  expect(pauses[0]).toBeLessThanOrEqual(500);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(15_000);
  expect(live.state).toBe("lost");
});

test("a lost connection is opened at once when the network is back", async () => {
  const live = events();
  await connected(live);
  socket().close();
  window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(Socket.opened).toHaveLength(2);
});

test("an open connection is used, so that it is not closed for being idle", async () => {
  await connected(events());
  await vi.advanceTimersByTimeAsync(9 * 60_000);
  expect(socket().sent).toEqual(["ping"]);
});

test("a connection that was closed stays closed", async () => {
  const live = events();
  const close = await connected(live);
  close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([socket().closed, Socket.opened.length, live.state]).toEqual([true, 1, "connecting"]);
});

test("no connection is opened for a ticket that arrives after the end", async () => {
  const live = events();
  live.open()();
  await vi.advanceTimersByTimeAsync(0);
  expect(Socket.opened).toEqual([]);
});
