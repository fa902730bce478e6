import { expect, test } from "vitest";
import type { CatalogueService } from "../../generated/catalogue";
import { end, type Flight, frame, launch, MOST_DOTS, route } from "./flights";
import { layout } from "./layout";

const SERVICES: readonly CatalogueService[] = [
  { name: "fraud", summary: "", commands: false, announces: ["OrderFlagged"], handles: ["OrderPlaced"] },
  { name: "orders", summary: "", commands: true, announces: ["OrderPlaced"], handles: ["OrderFlagged"] },
  { name: "history", summary: "", commands: false, announces: [], handles: ["OrderFlagged", "OrderPlaced"] },
];
const MAP = layout(SERVICES);
const PLACED = { id: "1", type: "OrderPlaced", source: "orders" };
const FLAGGED = { id: "2", type: "OrderFlagged", source: "fraud", causationid: "1" };

function fly(notification: Parameters<typeof route>[0], start = 0): Flight {
  const flight = route(notification, SERVICES, MAP, start);
  if (flight === null) throw new Error("the map does not know the event's source");
  return flight;
}

/** Returns the nodes that a flight reaches, in time. */
function reached(flight: Flight): string[] {
  const stops = [flight.trunk, ...flight.branches].flat().filter(({ node }) => node !== "");
  return stops.toSorted((one, other) => one.at - other.at).map(({ node }) => node);
}

test("an event without a cause goes from the API to its service, the topic, and all that handle it", () => {
  expect(reached(fly(PLACED))).toEqual([
    "api",
    "announcer:orders",
    "topic",
    "queue:fraud",
    "queue:history",
    "handler:fraud",
    "handler:history",
  ]);
});

test("an event with a cause begins at its service", () => {
  expect(reached(fly(FLAGGED))[0]).toBe("announcer:fraud");
});

test("an event without a cause begins at its service if that takes no commands", () => {
  expect(reached(fly({ id: "2", type: "OrderFlagged", source: "fraud" }))[0]).toBe("announcer:fraud");
});

test("an event whose source the map does not know is not shown", () => {
  expect(route({ ...PLACED, source: "billing" }, SERVICES, MAP, 0)).toBeNull();
});

test("an event that nobody handles ends at the topic", () => {
  const flight = route({ ...PLACED, type: "OrderForgotten" }, SERVICES, MAP, 0);
  expect(flight?.branches).toEqual([]);
});

test("an event is one dot up to the topic, and then one for each that handles it", () => {
  const flight = fly(PLACED, 100);
  const split = 100 + (flight.trunk.at(-1)?.at ?? 0);
  expect(frame([flight], 100).dots).toHaveLength(1);
  expect(frame([flight], split - 1).dots).toHaveLength(1);
  expect(frame([flight], split).dots).toHaveLength(2);
  expect(frame([flight], end(flight)).dots).toEqual([]);
});

test("a dot is halfway between two stops after half of the time", () => {
  const flight = fly(FLAGGED);
  const [from, to] = flight.trunk;
  const [dot] = frame([flight], ((from?.at ?? 0) + (to?.at ?? 0)) / 2).dots;
  expect(dot?.x).toBeCloseTo(((from?.x ?? 0) + (to?.x ?? 0)) / 2);
});

test("a node is marked when an event reaches it, and no longer when all have been reached", () => {
  const flight = fly(FLAGGED);
  expect([...frame([flight], 0).marked]).toEqual(["announcer:fraud"]);
  expect(frame([flight], end(flight)).marked.size).toBe(0);
});

test("nothing is shown before an event's start", () => {
  expect(frame([fly(PLACED, 10)], 5)).toEqual({ dots: [], marked: new Set() });
});

test("the number of dots is bounded, and there is room again when events have arrived", () => {
  let flights: readonly Flight[] = [];
  for (let count = 0; count < 1000; count++) flights = launch(flights, fly(PLACED), 0);
  const split = fly(PLACED).trunk.at(-1)?.at ?? 0;
  expect(frame(flights, split).dots.length).toBeLessThanOrEqual(MOST_DOTS);
  expect(flights.length).toBeGreaterThan(1);
  const later = end(fly(PLACED));
  expect(launch(flights, fly(PLACED, later), later)).toHaveLength(1);
});
