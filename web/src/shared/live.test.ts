import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveEvents, type Notification, notificationIn } from "./live";

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
let created: LiveEvents[];

function events(ticket = () => Promise.resolve(`t${++tickets}`)): LiveEvents {
  const live = new LiveEvents("wss://live.example/dev", ticket);
  created.push(live);
  return live;
}

async function connected(live: LiveEvents): Promise<() => void> {
  const close = live.open();
  await vi.advanceTimersByTimeAsync(0);
  socket().onopen?.();
  return close;
}

beforeEach(() => {
  tickets = 0;
  created = [];
  Socket.opened = [];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
});

afterEach(() => {
  created.forEach((live) => {
    live.open()();
  });
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

test.each([
  ["API Gateway's own message", '{"message": "Internal server error", "connectionId": "a", "requestId": "b"}'],
  ["null", "null"],
  ["a list", "[]"],
  ["text that is not JSON", "Internal server error"],
  ["the answer to a ping", "pong"],
  ["no time", JSON.stringify({ ...NOTIFICATION, time: undefined })],
  ["a time that is none", JSON.stringify({ ...NOTIFICATION, time: "yesterday" })],
  ["a subject that is no text", JSON.stringify({ ...NOTIFICATION, subject: 1 })],
  ["a cause that is no text", JSON.stringify({ ...NOTIFICATION, causationid: {} })],
])("a message that is no notification is ignored: %s", async (_, data) => {
  expect(notificationIn(data)).toBeNull();
  const live = events();
  const received: Notification[] = [];
  live.listen((notification) => received.push(notification));
  await connected(live);
  socket().onmessage?.({ data });
  socket().onmessage?.({ data: JSON.stringify(NOTIFICATION) });
  expect([received, live.state]).toEqual([[NOTIFICATION], "connected"]);
});

test("a quiet connection is kept open by pings, and the answers keep it", async () => {
  await connected(events());
  for (let minute = 1; minute < 10; minute++) {
    await vi.advanceTimersByTimeAsync(75_000);
    socket().onmessage?.({ data: "pong" });
  }
  expect([socket().sent.length, Socket.opened.length]).toEqual([9, 1]);
});

test("a connection that does not answer a ping is lost, and opened again", async () => {
  const live = events();
  await connected(live);
  const first = socket();
  // The network is gone: nothing arrives, and the browser reports no end.
  first.onclose = null;
  await vi.advanceTimersByTimeAsync(75_000 + 10_000);
  expect([live.state, first.closed]).toEqual(["lost", true]);
  await vi.advanceTimersByTimeAsync(500);
  socket().onopen?.();
  expect([live.state, Socket.opened.length]).toEqual(["connected", 2]);
});

test("an attempt that never ends is given up after half a minute", async () => {
  const live = events();
  live.open();
  await vi.advanceTimersByTimeAsync(30_000);
  expect([live.state, socket().closed]).toEqual(["lost", true]);
  await vi.advanceTimersByTimeAsync(500);
  expect(Socket.opened).toHaveLength(2);
});

test("the return of the network neither adds a connection nor a second ping", async () => {
  const waiting: ((ticket: string) => void)[] = [];
  const live = events(() => new Promise((resolve) => waiting.push(resolve)));
  live.open();
  waiting[0]?.("t1");
  await vi.advanceTimersByTimeAsync(0);
  socket().onopen?.();
  socket().close();
  for (let n = 0; n < 4; n++) window.dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(waiting).toHaveLength(2);
  waiting[1]?.("t2");
  await vi.advanceTimersByTimeAsync(0);
  window.dispatchEvent(new Event("online"));
  socket().onopen?.();
  await vi.advanceTimersByTimeAsync(75_000);
  expect([waiting.length, Socket.opened.length, socket().sent]).toEqual([2, 2, ["ping"]]);
});

test("no more than a ping a minute is sent, however often the network comes back", async () => {
  await connected(events());
  for (let n = 0; n < 4; n++) {
    window.dispatchEvent(new Event("online"));
    socket().onmessage?.({ data: "pong" });
    await vi.advanceTimersByTimeAsync(15_000);
  }
  expect([socket().sent, Socket.opened.length]).toEqual([["ping"], 1]);
});

test("an open connection is checked when the network is back", async () => {
  const live = events();
  await connected(live);
  window.dispatchEvent(new Event("online"));
  expect([socket().sent, Socket.opened.length]).toEqual([["ping"], 1]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(live.state).toBe("lost");
});

test("a socket that closes late changes nothing about its successor", async () => {
  const live = events();
  await connected(live);
  const first = socket();
  const end = first.onclose;
  first.close();
  await vi.advanceTimersByTimeAsync(500);
  socket().onopen?.();
  end?.();
  await vi.advanceTimersByTimeAsync(30_000);
  expect([live.state, Socket.opened.length]).toEqual(["connected", 2]);
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
