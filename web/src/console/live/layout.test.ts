import { expect, test } from "vitest";
import type { CatalogueService } from "../../generated/catalogue";
import { services as catalogue } from "../../generated/catalogue";
import { type Box, layout } from "./layout";

function service(name: string, options: Partial<CatalogueService> = {}): CatalogueService {
  return { name, summary: "", commands: false, announces: [], handles: [], ...options };
}

function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

const MANY = Array.from({ length: 40 }, (_, index) =>
  service(`service-${index}`, { announces: ["OrderPlaced"], handles: ["OrderPlaced"], commands: index % 2 === 0 }),
);

test.each([
  ["no services", []],
  ["one service", [service("orders", { announces: ["OrderPlaced"] })]],
  ["the services of the contracts", catalogue],
  ["40 services", MANY],
])("no two boxes overlap, and all are within the map: %s", (_name, services) => {
  const { nodes, width, height } = layout(services);
  for (const [index, node] of nodes.entries()) {
    expect(node.x >= 0 && node.y >= 0 && node.x + node.width <= width && node.y + node.height <= height).toBe(true);
    for (const other of nodes.slice(index + 1)) expect(overlap(node, other)).toBe(false);
  }
});

test("the map of the contracts is low enough to be above the latest events", () => {
  expect(layout(catalogue).height).toBeLessThanOrEqual(300);
});

test("a service that only handles events has a queue and one box", () => {
  const { nodes, edges } = layout([service("analytics", { handles: ["OrderPlaced"] })]);
  expect(nodes.map(({ id }) => id)).toEqual(["api", "topic", "queue:analytics", "handler:analytics"]);
  expect(edges.map(({ id }) => id)).toEqual(["topic>analytics", "queue>analytics"]);
});

test("a service that only announces events has no queue", () => {
  const { nodes } = layout([service("fraud", { announces: ["OrderFlagged"] })]);
  expect(nodes.map(({ id }) => id)).toEqual(["api", "topic", "announcer:fraud"]);
});

test("the API leads to the announcing services that take commands", () => {
  const { edges } = layout([
    service("orders", { announces: ["OrderPlaced"], commands: true }),
    service("fraud", { announces: ["OrderFlagged"] }),
    service("products", { commands: true }),
  ]);
  expect(edges.filter(({ id }) => id.startsWith("api>")).map(({ id }) => id)).toEqual(["api>orders"]);
});

test("lines end where boxes begin, at their middle", () => {
  const { nodes, edges } = layout(catalogue);
  for (const { to, y } of edges) {
    const ends = nodes.some((node) => node.x === to && node.y <= y && y <= node.y + node.height);
    expect(ends).toBe(true);
  }
});
