/** The layout of the map of services: API, announcing services, topic, queues, and the services that handle events. */

import type { CatalogueService } from "../../generated/catalogue";

export type NodeKind = "api" | "announcer" | "topic" | "queue" | "handler";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Node extends Box {
  readonly id: string;
  readonly kind: NodeKind;
  /** The name of the service; empty for API and topic. */
  readonly service: string;
}

/** A horizontal line between two nodes. */
export interface Edge {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
}

/** Left sides and widths of the columns. */
export const COLUMNS: Readonly<Record<NodeKind, { readonly x: number; readonly width: number }>> = {
  api: { x: 0, width: 48 },
  announcer: { x: 104, width: 230 },
  topic: { x: 390, width: 48 },
  queue: { x: 494, width: 60 },
  handler: { x: 610, width: 290 },
};

/** Rows are low, so that the map and the latest events fit on a screen together. */
const ROW = 22;
const BOX = 18;

/** Space for the columns' headings. */
const TOP = 22;

/**
 * Returns the layout of the map. Each event goes from left to right, so a service that announces and handles events has
 * two boxes. Both columns are in the services' order, and the shorter one is centered.
 */
export function layout(services: readonly CatalogueService[]): Layout {
  const announcers = services.filter(({ announces }) => announces.length > 0);
  const handlers = services.filter(({ handles }) => handles.length > 0);
  const rows = Math.max(announcers.length, handlers.length, 1);
  const bottom = TOP + rows * ROW;
  const tall = { y: TOP, height: bottom - TOP - (ROW - BOX) };
  const nodes: Node[] = [
    { id: "api", kind: "api", service: "", ...COLUMNS.api, ...tall },
    { id: "topic", kind: "topic", service: "", ...COLUMNS.topic, ...tall },
  ];
  const edges: Edge[] = [];
  const row = (count: number, index: number) => TOP + ((rows - count) / 2 + index) * ROW;

  announcers.forEach(({ name, commands }, index) => {
    const y = row(announcers.length, index);
    nodes.push({ id: `announcer:${name}`, kind: "announcer", service: name, ...COLUMNS.announcer, y, height: BOX });
    if (commands) edges.push(edge(`api>${name}`, "api", "announcer", y));
    edges.push(edge(`${name}>topic`, "announcer", "topic", y));
  });
  handlers.forEach(({ name }, index) => {
    const y = row(handlers.length, index);
    nodes.push({ id: `queue:${name}`, kind: "queue", service: name, ...COLUMNS.queue, y, height: BOX });
    nodes.push({ id: `handler:${name}`, kind: "handler", service: name, ...COLUMNS.handler, y, height: BOX });
    edges.push(edge(`topic>${name}`, "topic", "queue", y), edge(`queue>${name}`, "queue", "handler", y));
  });
  return { width: COLUMNS.handler.x + COLUMNS.handler.width, height: bottom, nodes, edges };
}

function edge(id: string, from: NodeKind, to: NodeKind, top: number): Edge {
  return { id, from: COLUMNS[from].x + COLUMNS[from].width, to: COLUMNS[to].x, y: top + BOX / 2 };
}
