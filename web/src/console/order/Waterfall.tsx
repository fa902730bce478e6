/** An order's events by time, in lanes of services, with arrows from causes to effects. */

import { type KeyboardEvent, type ReactNode, useMemo, useRef } from "react";
import { formatDelay } from "./delay";
import { type Mark, RADIUS, type TimelineEvent, waterfall, type Waterfall as Layout } from "./waterfall";
import "./waterfall.css";

/** The width of the drawing, in its own units. It is scaled to the page's width. */
const WIDTH = 1120;

const START = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});

interface Selection {
  /** The id of the selected event. */
  readonly selected: string | null;
  readonly onSelect: (id: string) => void;
}

/** The waterfall. One event is selected by a click, or by the arrow keys. */
export function Waterfall({
  events,
  selected,
  onSelect,
}: Selection & { readonly events: readonly TimelineEvent[] }): ReactNode {
  const layout = useMemo(() => waterfall(events, WIDTH), [events]);
  const list = useRef<SVGGElement>(null);
  const { width, height, left, lanes, marks, arrows, orphans, pauses, ticks } = layout;
  const current = Math.max(
    0,
    marks.findIndex(({ event }) => event.id === selected),
  );
  const move = (event: KeyboardEvent) => {
    const target = neighbour(event.key, current, marks.length);
    if (target === null) return;
    event.preventDefault();
    const mark = marks[target];
    if (mark === undefined) return;
    onSelect(mark.event.id);
    list.current?.querySelectorAll<SVGElement>("[role=option]")[target]?.focus();
  };
  const chain = chainOf(layout, selected);
  return (
    <div className="waterfall">
      <svg viewBox={`0 0 ${width} ${height}`} style={{ minWidth: Math.max(760, width * 0.8) }}>
        <defs>
          {["", "-on"].map((suffix) => (
            <marker
              key={suffix}
              id={`waterfall-head${suffix}`}
              className={`waterfall-head${suffix}`}
              viewBox="0 0 8 8"
              refX={7}
              refY={4}
              markerUnits="userSpaceOnUse"
              markerWidth={9}
              markerHeight={9}
              orient="auto"
            >
              <path d="M0 0.5L7.5 4L0 7.5z" />
            </marker>
          ))}
        </defs>
        {lanes.map(({ service, y, height: laneHeight }, index) => (
          <g key={service}>
            <rect
              className={index % 2 === 0 ? "waterfall-lane" : "waterfall-lane waterfall-odd"}
              x={0}
              y={y}
              width={width}
              height={laneHeight}
            />
            <text className="waterfall-service" x={10} y={y + laneHeight / 2} dominantBaseline="central">
              {service}
            </text>
          </g>
        ))}
        <line className="waterfall-rule" x1={left} x2={left} y1={lanes[0]?.y ?? 0} y2={height} />
        {ticks.map(({ x, milliseconds, start }) => (
          <g key={x}>
            <line className="waterfall-tick" x1={x} x2={x} y1={20} y2={height} />
            <text className="waterfall-faint" x={x} y={14} textAnchor={start === null ? "middle" : "start"}>
              {start === null ? `+${formatDelay(milliseconds)}` : START.format(new Date(start))}
            </text>
          </g>
        ))}
        {pauses.map(({ x, width: wide, milliseconds }) => (
          <g key={x} className="waterfall-pause">
            <rect x={x + RADIUS + 6} y={18} width={wide - 2 * RADIUS - 12} height={height - 18} />
            <text x={x + wide / 2} y={29} textAnchor="middle">
              {formatDelay(milliseconds)}
            </text>
          </g>
        ))}
        {arrows.map(({ from, to, path }) => {
          const on = chain.has(to) && chain.has(from);
          return (
            <path
              key={to}
              className={on ? "waterfall-arrow waterfall-on" : "waterfall-arrow"}
              d={path}
              markerEnd={`url(#waterfall-head${on ? "-on" : ""})`}
            />
          );
        })}
        <g ref={list} role="listbox" aria-label="Events by time" aria-orientation="horizontal" onKeyDown={move}>
          {marks.map((mark, index) => (
            <Event
              key={mark.event.id}
              mark={mark}
              orphan={orphans.has(mark.event.id)}
              selected={mark.event.id === selected}
              reachable={index === current}
              onSelect={onSelect}
            />
          ))}
        </g>
      </svg>
    </div>
  );
}

function Event({
  mark: { event, x, y, labelX, anchor, delay },
  orphan,
  selected,
  reachable,
  onSelect,
}: {
  mark: Mark;
  orphan: boolean;
  selected: boolean;
  /** Whether the tabulator key reaches it. The arrow keys reach the others. */
  reachable: boolean;
  onSelect: (id: string) => void;
}): ReactNode {
  return (
    <g
      role="option"
      aria-selected={selected}
      aria-label={`${event.type}${delay === "" ? "" : ` ${delay} after its cause`}, by ${event.source}`}
      tabIndex={reachable ? 0 : -1}
      className="waterfall-event"
      onClick={() => {
        onSelect(event.id);
      }}
    >
      {orphan && (
        <line
          className="waterfall-orphan"
          x1={x - 24}
          x2={x - RADIUS - 2}
          y1={y}
          y2={y}
          markerEnd="url(#waterfall-head)"
        />
      )}
      <circle cx={x} cy={y} r={RADIUS} />
      <text x={labelX} y={y} dominantBaseline="central" textAnchor={anchor}>
        {event.type}
        {delay !== "" && <tspan className="waterfall-delay"> {delay}</tspan>}
      </text>
    </g>
  );
}

/** Returns the ids of an event, of its causes up to the first one, and of its direct effects. */
function chainOf({ marks }: Layout, selected: string | null): ReadonlySet<string> {
  const events = new Map(marks.map(({ event }) => [event.id, event]));
  const chain = new Set(marks.filter(({ event }) => event.causationid === selected).map(({ event }) => event.id));
  let id = selected;
  while (id !== null && events.has(id) && !chain.has(id)) {
    chain.add(id);
    id = events.get(id)?.causationid ?? null;
  }
  return chain;
}

/** Returns the position to which a key moves the selection; null if it is another key. */
function neighbour(key: string, current: number, count: number): number | null {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return Math.min(current + 1, count - 1);
    case "ArrowLeft":
    case "ArrowUp":
      return Math.max(current - 1, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    case "Enter":
    case " ":
      return current;
    default:
      return null;
  }
}
