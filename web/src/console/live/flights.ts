/** Events that move along the map: from the service that announces one to the topic, and on to each that handles it. */

import type { CatalogueService } from "../../generated/catalogue";
import type { Notification } from "../../shared/live";
import type { Layout, Node } from "./layout";

/** Most dots at once. Further events are counted and not drawn. */
export const MOST_DOTS = 150;

/** How long the parts of the way take, in milliseconds. */
const REQUEST = 350;
const ANNOUNCE = 500;
const SPREAD = 350;
const DELIVER = 350;
const HANDLE = 350;

/** How long a node that an event has reached is marked, in milliseconds. */
const MARKED = 350;

interface Stop {
  /** Time since the start in milliseconds. */
  readonly at: number;
  readonly x: number;
  readonly y: number;
  /** The node that is reached here; empty between two. */
  readonly node: string;
}

/** An event on its way. */
export interface Flight {
  readonly id: string;
  readonly start: number;
  /** The way to the topic. */
  readonly trunk: readonly Stop[];
  /** The way from there to each service that handles the event. */
  readonly branches: readonly (readonly Stop[])[];
}

/** What the map shows at one time. */
export interface Frame {
  readonly dots: readonly { readonly x: number; readonly y: number }[];
  /** The ids of the nodes that an event has just reached. */
  readonly marked: ReadonlySet<string>;
}

/**
 * Returns an event's way over the map; null if the map does not know its source.
 *
 * An event without a cause begins at the API, if its service takes commands.
 */
export function route(
  { id, type, source, causationid }: Pick<Notification, "id" | "type" | "source" | "causationid">,
  services: readonly CatalogueService[],
  map: Layout,
  start: number,
): Flight | null {
  const nodes = new Map(map.nodes.map((node) => [node.id, node]));
  const [api, announcer, topic] = [nodes.get("api"), nodes.get(`announcer:${source}`), nodes.get("topic")];
  if (api === undefined || announcer === undefined || topic === undefined) return null;
  const requested = causationid === undefined && services.some(({ name, commands }) => name === source && commands);
  const y = middle(announcer);
  const left = requested ? REQUEST : 0;
  const trunk = [
    ...(requested ? [stop(api, 0, y)] : []),
    stop(announcer, left, y),
    { at: left + ANNOUNCE, x: center(topic), y, node: "topic" },
  ];
  const arrived = left + ANNOUNCE;
  const branches = services
    .filter(({ handles }) => handles.some((handled) => handled === type))
    .flatMap(({ name }) => {
      const [queue, handler] = [nodes.get(`queue:${name}`), nodes.get(`handler:${name}`)];
      if (queue === undefined || handler === undefined) return [];
      return [
        [
          { at: arrived, x: center(topic), y, node: "" },
          { at: arrived + SPREAD, x: center(topic), y: middle(queue), node: "" },
          stop(queue, arrived + SPREAD + DELIVER),
          { at: arrived + SPREAD + DELIVER + HANDLE, x: handler.x, y: middle(handler), node: handler.id },
        ],
      ];
    });
  return { id, start, trunk, branches };
}

/** Adds an event to those on their way, unless there would be too many dots. */
export function launch(flights: readonly Flight[], flight: Flight, now: number): readonly Flight[] {
  const flying = flights.filter((other) => now < end(other));
  const dots = [...flying, flight].reduce((total, { branches }) => total + Math.max(1, branches.length), 0);
  return dots > MOST_DOTS ? flying : [...flying, flight];
}

/** Returns the dots of the events that are on their way, and the nodes that they have just reached. */
export function frame(flights: readonly Flight[], now: number): Frame {
  const dots: { x: number; y: number }[] = [];
  const marked = new Set<string>();
  for (const flight of flights) {
    const elapsed = now - flight.start;
    for (const way of [flight.trunk, ...flight.branches]) {
      const dot = position(way, elapsed);
      if (dot !== null) dots.push(dot);
      for (const { node, at } of way) {
        if (node !== "" && elapsed >= at && elapsed < at + MARKED) marked.add(node);
      }
    }
  }
  return { dots, marked };
}

/** Returns the time at which an event has reached all, and no node is marked for it. */
export function end({ start, trunk, branches }: Flight): number {
  return start + Math.max(...[trunk, ...branches].map((way) => way.at(-1)?.at ?? 0)) + MARKED;
}

function position(way: readonly Stop[], elapsed: number): { x: number; y: number } | null {
  const next = way.findIndex(({ at }) => at > elapsed);
  const [from, to] = [way[next - 1], way[next]];
  if (from === undefined || to === undefined) return null;
  const share = (elapsed - from.at) / (to.at - from.at);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function stop(node: Node, at: number, y = middle(node)): Stop {
  return { at, x: center(node), y, node: node.id };
}

function center({ x, width }: Node): number {
  return x + width / 2;
}

function middle({ y, height }: Node): number {
  return y + height / 2;
}
