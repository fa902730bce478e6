/** The layout of an order's timeline: events by time in lanes of services, with arrows from causes to effects. */

import type { components } from "../../generated/api";
import { formatDelay } from "./delay";

export type TimelineEvent = components["schemas"]["TimelineEvent"];

export interface Lane {
  readonly service: string;
  readonly y: number;
  readonly height: number;
}

/** An event with its label, beside it. */
export interface Mark {
  readonly event: TimelineEvent;
  readonly x: number;
  readonly y: number;
  readonly labelX: number;
  readonly anchor: "start" | "end";
  readonly delay: string;
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly path: string;
}

/** A wait that is drawn shorter than it was. */
export interface Pause {
  readonly x: number;
  readonly width: number;
  readonly milliseconds: number;
}

/** A mark on the axis: the time of the first event or of one after a pause, or the time since that. */
export interface Tick {
  readonly x: number;
  readonly milliseconds: number;
  /** The time itself, for the first event and for one after a pause; null for the others. */
  readonly start: string | null;
}

export interface Waterfall {
  readonly width: number;
  readonly height: number;
  /** The left end of the lanes, after their names. */
  readonly left: number;
  readonly lanes: readonly Lane[];
  readonly marks: readonly Mark[];
  readonly arrows: readonly Arrow[];
  /** The ids of events whose cause is not in the timeline. */
  readonly orphans: ReadonlySet<string>;
  readonly pauses: readonly Pause[];
  readonly ticks: readonly Tick[];
}

/** The radius of an event's dot. */
export const RADIUS = 6;

const LEFT = 116;
const MARGIN = 24;
const AXIS = 34;
const ROW = 28;
const LANE_PADDING = 7;
const STEP = 20;
const PAUSE = 84;

/** The room that the axis has for a time since the last pause, on each side, and for a time. */
const TICK = 34;
const TICK_START = 120;

/** The average width of a character of a label. */
const CHARACTER = 7.1;

/** A wait is drawn shorter if it is longer than this, and than four times the median wait. In milliseconds. */
const LONG = 1000;

/**
 * Returns the layout of a timeline.
 *
 * Two events are at least one step apart, except those of the same time in different lanes. What is left of the width is
 * shared out by the waits between the events. Long waits have the same short width, and are marked.
 *
 * @param events The events, in any sequence.
 * @param available The width to fill. The layout is wider if it has too many events.
 */
export function waterfall(events: readonly TimelineEvent[], available: number): Waterfall {
  const sorted = events.toSorted((one, other) => timeOf(one) - timeOf(other) || (one.id < other.id ? -1 : 1));
  const { xs, pauses, width } = spread(sorted, available);
  const lanes: Lane[] = [];
  const placed = new Map<string, Mark>();
  let y = AXIS;
  // A lane is where its service's first event puts it, so that time runs down as well as to the right.
  for (const service of new Set(sorted.map(({ source }) => source))) {
    const rows: number[][] = [];
    sorted.forEach((event, index) => {
      if (event.source !== service) return;
      const mark = label(event, xs[index] ?? 0, width);
      const row = freeRow(rows, mark);
      placed.set(event.id, { ...mark, y: y + LANE_PADDING + (row + 0.5) * ROW });
    });
    const height = 2 * LANE_PADDING + rows.length * ROW;
    lanes.push({ service, y, height });
    y += height;
  }
  const marks = sorted.flatMap(({ id }) => placed.get(id) ?? []);
  return {
    width,
    height: y,
    left: LEFT,
    lanes,
    marks,
    arrows: marks.flatMap((mark) => arrow(placed.get(mark.event.causationid ?? ""), mark)),
    orphans: new Set(
      sorted.filter(({ causationid }) => causationid !== null && !placed.has(causationid)).map(({ id }) => id),
    ),
    pauses,
    ticks: ticks(marks, pauses),
  };
}

/** Returns the events' positions by time, and the waits that are drawn shorter. */
function spread(
  sorted: readonly TimelineEvent[],
  available: number,
): { xs: readonly number[]; pauses: readonly Pause[]; width: number } {
  const waits = sorted.slice(1).map((event, index) => timeOf(event) - timeOf(sorted[index] ?? event));
  const positive = waits.filter((wait) => wait > 0).toSorted((one, other) => one - other);
  const limit = Math.max(LONG, 4 * (positive[Math.floor((positive.length - 1) / 2)] ?? 0));
  const steps = waits.map((wait, index): number => {
    if (wait > limit) return PAUSE;
    return wait === 0 && sorted[index]?.source !== sorted[index + 1]?.source ? 0 : STEP;
  });
  const last = sorted.at(-1);
  // The last label has room, at least for a small number of events.
  const right = last === undefined ? MARGIN : MARGIN + textWidth(last.type, delayText(last));
  const used = LEFT + MARGIN + right + steps.reduce((total, step) => total + step, 0);
  const shared = waits.reduce((total, wait) => total + (wait > limit ? 0 : wait), 0);
  const left = Math.max(0, available - used);
  const xs: number[] = [];
  const pauses: Pause[] = [];
  let x = LEFT + MARGIN;
  sorted.forEach((_event, index) => {
    const [wait, step] = [waits[index - 1], steps[index - 1]];
    if (wait !== undefined && step !== undefined) {
      if (wait > limit) pauses.push({ x, width: step, milliseconds: wait });
      x += wait > limit || shared === 0 ? step : step + (left * wait) / shared;
    }
    xs.push(x);
  });
  return { xs, pauses, width: Math.max(available, used) };
}

/** Returns an event's mark without its row. The label is on the left if there is no room on the right. */
function label(event: TimelineEvent, x: number, width: number): Mark {
  const delay = delayText(event);
  const text = textWidth(event.type, delay);
  const fits = x + RADIUS + 6 + text <= width;
  return { event, x, y: 0, labelX: fits ? x + RADIUS + 5 : x - RADIUS - 5, anchor: fits ? "start" : "end", delay };
}

/** Returns the first row in which a mark covers no other, and takes the room there. Rows have left and right ends. */
function freeRow(rows: number[][], mark: Mark): number {
  const text = textWidth(mark.event.type, mark.delay);
  const start = mark.anchor === "start" ? mark.x - RADIUS - 4 : mark.labelX - text;
  const end = mark.anchor === "start" ? mark.labelX + text : mark.x + RADIUS + 4;
  const free = rows.findIndex((taken) =>
    taken.every((from, index) => index % 2 === 1 || end <= from || start >= (taken[index + 1] ?? 0)),
  );
  if (free >= 0) {
    rows[free]?.push(start, end);
    return free;
  }
  rows.push([start, end]);
  return rows.length - 1;
}

function delayText({ delay_ms: delay }: TimelineEvent): string {
  return delay === null ? "" : `+${formatDelay(delay)}`;
}

function textWidth(type: string, delay: string): number {
  return (type.length + (delay === "" ? 0 : delay.length + 1)) * CHARACTER + 8;
}

function arrow(cause: Mark | undefined, effect: Mark): readonly Arrow[] {
  if (cause === undefined || cause.event.id === effect.event.id) return [];
  const [x1, x2] = [cause.x, effect.x - RADIUS - 2];
  const bend = Math.min(Math.max((x2 - x1) / 2, 14), 60);
  const path = `M${round(x1)} ${round(cause.y)}C${round(x1 + bend)} ${round(cause.y)} ${round(x2 - bend)} ${round(effect.y)} ${round(x2)} ${round(effect.y)}`;
  return [{ from: cause.event.id, to: effect.event.id, path }];
}

function ticks(marks: readonly Mark[], pauses: readonly Pause[]): readonly Tick[] {
  const starts = new Set(pauses.map(({ x, width }) => x + width));
  const shown: Tick[] = [];
  let since = 0;
  let free = -Infinity;
  marks.forEach(({ event, x }, index) => {
    const isStart = index === 0 || starts.has(x);
    if (isStart) since = timeOf(event);
    const [before, after] = isStart ? [0, TICK_START] : [TICK, TICK];
    if (x - before < free) return;
    free = x + after;
    shown.push({ x, milliseconds: timeOf(event) - since, start: isStart ? event.time : null });
  });
  return shown;
}

function timeOf({ time }: TimelineEvent): number {
  return Date.parse(time);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
