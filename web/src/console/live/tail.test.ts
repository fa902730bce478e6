import { expect, test } from "vitest";
import type { CatalogueService } from "../../generated/catalogue";
import { formatRate } from "./rates";
import { append, type Arrival, EMPTY, type Gap, loads, MOST_ENTRIES, rate, seenOrders } from "./tail";

function arrival(id: number, options: Partial<Arrival> = {}): Arrival {
  return {
    kind: "event",
    id: `event-${id}`,
    type: "OrderPlaced",
    source: "orders",
    subject: `order-${id}`,
    time: "2026-01-01T12:00:00.000Z",
    arrived: id,
    ...options,
  };
}

function arrivals(count: number, options: (id: number) => Partial<Arrival> = () => ({})): Arrival[] {
  return Array.from({ length: count }, (_, id) => arrival(id, options(id)));
}

test("the latest event is the first one", () => {
  const tail = append(append(EMPTY, arrivals(2)), [arrival(2)]);
  expect(tail.entries.map(({ id }) => id)).toEqual(["event-2", "event-1", "event-0"]);
});

test("the number of entries is bounded, and the oldest ones go", () => {
  const { entries, sources } = append(EMPTY, arrivals(MOST_ENTRIES + 5));
  expect(entries).toHaveLength(MOST_ENTRIES);
  expect(entries.at(-1)?.id).toBe("event-5");
  expect(sources.get("orders")).toBe(MOST_ENTRIES + 5);
});

test("an event that is pushed twice is counted once", () => {
  const tail = append(append(EMPTY, [arrival(1), arrival(1)]), [arrival(1)]);
  expect(tail.entries).toHaveLength(1);
  expect(tail.types.get("OrderPlaced")).toBe(1);
});

test("a time without a connection is an entry and no event", () => {
  const gap: Gap = { kind: "gap", id: "gap", from: 1, to: 2 };
  const tail = append(EMPTY, [arrival(1), gap]);
  expect(tail.entries[0]).toBe(gap);
  expect(tail.sources.get("orders")).toBe(1);
  expect(rate(tail, 3)).toBe(0.1);
});

test("a rate is measured over the last 10 seconds", () => {
  const tail = append(
    EMPTY,
    arrivals(30, (id) => ({ arrived: id * 1000 })),
  );
  expect(rate(tail, 29_500)).toBe(1);
  expect(rate(tail, 60_000)).toBe(0);
});

test("a rate counts what is asked for", () => {
  const tail = append(
    EMPTY,
    arrivals(10, (id) => ({ source: id < 3 ? "payment" : "orders" })),
  );
  expect(rate(tail, 100, ({ source }) => source === "payment")).toBe(0.3);
});

test("a rate at which more arrive in 10 seconds than are kept is not too low", () => {
  const tail = append(
    EMPTY,
    arrivals(5000, (id) => ({ arrived: id * 2 })),
  );
  expect(rate(tail, 10_000)).toBeCloseTo(500, -1);
});

test("a rate is right although the clock is late", () => {
  const tail = append(
    EMPTY,
    arrivals(2000, (id) => ({ arrived: 50_000 + id })),
  );
  expect(rate(tail, 50_900)).toBeCloseTo(1000, -1);
});

test.each([
  [0, "0.0/s"],
  [4.26, "4.3/s"],
  [123.4, "123/s"],
])("a rate of %d is written %s", (rate, text) => {
  expect(formatRate(rate, "en")).toBe(text);
});

test("a service has announced what it is the source of, and was sent what it handles", () => {
  const services: CatalogueService[] = [
    { name: "orders", summary: "", commands: true, announces: ["OrderPlaced"], handles: ["StockReserved"] },
    { name: "inventory", summary: "", commands: false, announces: ["StockReserved"], handles: ["OrderPlaced"] },
  ];
  const stock = arrival(9, { type: "StockReserved", source: "inventory" });
  expect(loads(append(EMPTY, [...arrivals(2), stock]), services, 10)).toEqual([
    { service: "orders", announced: { count: 2, rate: 0.2 }, handled: { count: 1, rate: 0.1 } },
    { service: "inventory", announced: { count: 1, rate: 0.1 }, handled: { count: 2, rate: 0.2 } },
  ]);
});

test("the orders of the latest events are listed once each, with their latest event", () => {
  const tail = append(EMPTY, [
    arrival(1, { subject: "one" }),
    arrival(2, { subject: "other" }),
    arrival(3, { subject: "one", type: "OrderConfirmed" }),
    arrival(4, { subject: "MUG:2026-11", type: "PriceChanged" }),
  ]);
  const orders = seenOrders(tail, 10);
  expect(orders.map(({ id, latest, events }) => [id, latest.type, events])).toEqual([
    ["one", "OrderConfirmed", 2],
    ["other", "OrderPlaced", 1],
  ]);
  expect(seenOrders(tail, 1)).toHaveLength(1);
});
