import { expect, test } from "vitest";
import { type Mark, type TimelineEvent, type Waterfall, waterfall } from "./waterfall";

const WIDTH = 1120;
const START = Date.parse("2026-01-01T12:00:00.000Z");

function event(id: string, milliseconds: number, options: Partial<TimelineEvent> = {}): TimelineEvent {
  const time = new Date(START + milliseconds).toISOString();
  return { id, type: "OrderPlaced", source: "orders", time, causationid: null, delay_ms: null, data: {}, ...options };
}

function mark({ marks }: Waterfall, id: string): Mark {
  const found = marks.find(({ event }) => event.id === id);
  if (found === undefined) throw new Error(`there is no mark ${id}`);
  return found;
}

const ORDER = [
  event("placed", 0),
  event("reserved", 140, { source: "inventory", type: "StockReserved", causationid: "placed", delay_ms: 140 }),
  event("authorized", 320, { source: "payment", type: "PaymentAuthorized", causationid: "placed", delay_ms: 320 }),
  event("confirmed", 400, { type: "OrderConfirmed", causationid: "authorized", delay_ms: 80 }),
];

test("events are in time from left to right, in the lanes of their services", () => {
  const layout = waterfall(ORDER, WIDTH);
  const xs = layout.marks.map(({ x }) => x);
  expect(xs).toEqual(xs.toSorted((one, other) => one - other));
  expect(layout.lanes.map(({ service }) => service)).toEqual(["orders", "inventory", "payment"]);
  for (const { event, y } of layout.marks) {
    const lane = layout.lanes.find(({ service }) => service === event.source);
    expect(lane !== undefined && lane.y < y && y < lane.y + lane.height).toBe(true);
  }
});

test("the sequence of the events in the answer does not matter", () => {
  expect(waterfall(ORDER.toReversed(), WIDTH)).toEqual(waterfall(ORDER, WIDTH));
});

test("arrows lead from causes to effects", () => {
  const { arrows } = waterfall(ORDER, WIDTH);
  expect(arrows.map(({ from, to }) => [from, to])).toEqual([
    ["placed", "reserved"],
    ["placed", "authorized"],
    ["authorized", "confirmed"],
  ]);
});

test("an event whose cause is not recorded has no arrow, and is marked", () => {
  const layout = waterfall([event("late", 0, { causationid: "lost" }), event("first", 5)], WIDTH);
  expect(layout.arrows).toEqual([]);
  expect([...layout.orphans]).toEqual(["late"]);
});

test("an event that names itself as its cause has no arrow", () => {
  expect(waterfall([event("one", 0, { causationid: "one" })], WIDTH).arrows).toEqual([]);
});

test("events of the same time have one position in different lanes, and two in the same lane", () => {
  const layout = waterfall(
    [event("a", 5), event("b", 5, { source: "payment" }), event("c", 5, { source: "payment" })],
    WIDTH,
  );
  expect(mark(layout, "b").x).toBe(mark(layout, "a").x);
  expect(mark(layout, "c").x).toBeGreaterThan(mark(layout, "b").x);
});

test("short waits keep their proportions", () => {
  const layout = waterfall([event("a", 0), event("b", 100), event("c", 400)], WIDTH);
  const [first, second] = [mark(layout, "b").x - mark(layout, "a").x, mark(layout, "c").x - mark(layout, "b").x];
  expect(layout.pauses).toEqual([]);
  expect(second / first).toBeGreaterThan(2.5);
  expect(second / first).toBeLessThan(3.5);
});

test("a wait that is long beside the others is drawn shorter, and marked with its duration", () => {
  const day = 86_400_000;
  const layout = waterfall([...ORDER, event("dispatched", day + 400), event("returned", day + 600)], WIDTH);
  const [pause] = layout.pauses;
  expect(layout.pauses).toHaveLength(1);
  expect(pause?.milliseconds).toBe(day);
  expect(pause?.x).toBe(mark(layout, "confirmed").x);
  expect(mark(layout, "dispatched").x - mark(layout, "confirmed").x).toBe(pause?.width);
});

test("waits that are all long are no pauses", () => {
  const hour = 3_600_000;
  expect(waterfall([event("a", 0), event("b", hour), event("c", 2 * hour)], WIDTH).pauses).toEqual([]);
});

test("the axis has the time of the first event and of one after a pause, and between them the time since", () => {
  const late = 60_000;
  const { ticks } = waterfall([event("a", 0), event("b", 500), event("c", late), event("d", late + 250)], WIDTH);
  expect(ticks.map(({ milliseconds, start }) => [milliseconds, start])).toEqual([
    [0, "2026-01-01T12:00:00.000Z"],
    [500, null],
    [0, "2026-01-01T12:01:00.000Z"],
    [250, null],
  ]);
});

test("one event is at the begin", () => {
  const layout = waterfall([event("only", 0)], WIDTH);
  expect(layout.marks).toHaveLength(1);
  expect(layout.arrows).toEqual([]);
  expect(mark(layout, "only").x).toBeGreaterThan(layout.left);
  expect(layout.width).toBe(WIDTH);
});

test("no events have no lanes", () => {
  expect(waterfall([], WIDTH)).toMatchObject({ lanes: [], marks: [], arrows: [], pauses: [], ticks: [] });
});

const MANY = Array.from({ length: 60 }, (_, index) =>
  event(`event-${String(index).padStart(2, "0")}`, index * 40, {
    source: ["orders", "payment", "inventory"][index % 3] ?? "",
    type: "PaymentActionRequired",
    causationid: index === 0 ? null : `event-${String(Math.floor(index / 2)).padStart(2, "0")}`,
    delay_ms: index * 20,
  }),
);

test("no labels of 60 events cover each other, and all are within the drawing", () => {
  const { marks, width, height, arrows } = waterfall(MANY, WIDTH);
  expect(marks).toHaveLength(60);
  expect(arrows).toHaveLength(59);
  const labels = marks.map(({ x, y, labelX, anchor, event, delay }) => {
    const text = (event.type.length + delay.length + 1) * 6.5;
    return { y, from: anchor === "start" ? x : labelX - text, to: anchor === "start" ? labelX + text : x };
  });
  labels.forEach((one, index) => {
    expect(one.from).toBeGreaterThanOrEqual(0);
    expect(one.to).toBeLessThanOrEqual(width);
    expect(one.y).toBeLessThan(height);
    for (const other of labels.slice(index + 1)) {
      expect(one.y !== other.y || one.to <= other.from || other.to <= one.from).toBe(true);
    }
  });
});

test("a drawing that is too narrow for its events is wider than asked for", () => {
  const { width, marks } = waterfall(MANY, 300);
  expect(width).toBeGreaterThan(300);
  expect(marks.every(({ x }) => x < width)).toBe(true);
});
