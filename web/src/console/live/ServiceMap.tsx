/** The map of services and queues, drawn from the contracts, with events that move along it as they arrive. */

import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import { type ReactNode, useCallback, useEffect, useRef } from "react";
import { services } from "../../generated/catalogue";
import type { Notification } from "../../shared/live";
import { useNotifications } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { useTail } from "./events";
import { formatRate } from "./rates";
import { end, type Flight, frame, launch, route } from "./flights";
import { COLUMNS, layout, type Node, type NodeKind } from "./layout";
import "./map.css";
import { useReducedMotion } from "./motion";
import { useClock } from "./clock";
import { type Load, loads, rate } from "./tail";

const MAP = layout(services);

/** API and topic, which all services share. */
const SHARED = MAP.nodes.filter(({ service }) => service === "");

/** The boxes of services and their queues. */
const OWNED = MAP.nodes.filter(({ service }) => service !== "");

/** The texts above the columns, which no event crosses. */
const HEADINGS: Readonly<Record<NodeKind, string>> = {
  api: "API",
  announcer: "Announce events",
  topic: "Topic",
  queue: "Queues",
  handler: "Handle events",
};

const ABOUT = services.map(({ name, announces, handles }) => {
  const roles = [
    ...(announces.length > 0 ? [`announces ${announces.length}`] : []),
    ...(handles.length > 0 ? [`handles ${handles.length}`] : []),
  ];
  return `${name} ${roles.join(" and ")} types of events.`;
});

export function ServiceMap(): ReactNode {
  const tail = useTail();
  const now = useClock();
  const still = useReducedMotion();
  const load = new Map(loads(tail, services, now).map((entry) => [entry.service, entry]));
  return (
    <Container
      fitHeight
      header={
        <Header variant="h2" counter={`(${formatRate(rate(tail, now))})`}>
          Services and queues
        </Header>
      }
    >
      <div className="map" role="group" aria-label="Map" tabIndex={0}>
        <svg
          viewBox={`0 0 ${MAP.width} ${MAP.height}`}
          role="img"
          aria-label={`Map of the services. ${ABOUT.join(" ")}`}
        >
          {Object.entries(HEADINGS).map(([kind, text]) => (
            <Heading key={kind} kind={kind as NodeKind} text={text} />
          ))}
          {MAP.edges.map(({ id, from, to, y }) => (
            <line key={id} className="map-edge" x1={from} x2={to} y1={y} y2={y} />
          ))}
          {SHARED.map((node) => (
            <MapNode key={node.id} node={node} load={undefined} />
          ))}
          {/* Events pass behind the services, whose names stay readable, and in front of the topic. */}
          {!still && <Dots />}
          {OWNED.map((node) => (
            <MapNode key={node.id} node={node} load={load.get(node.service)} />
          ))}
        </svg>
      </div>
    </Container>
  );
}

/** The numbers of the map as a table. */
export function ServiceNumbers(): ReactNode {
  const tail = useTail();
  const now = useClock();
  return (
    <ExpandableSection headerText="Numbers by service">
      <Numbers loads={loads(tail, services, now)} />
    </ExpandableSection>
  );
}

/** A column's heading: in the middle of a column of one box, else at the beginning. */
function Heading({ kind, text }: { kind: NodeKind; text: string }): ReactNode {
  const { x, width } = COLUMNS[kind];
  const centered = width < 100;
  return (
    <text className="map-heading" x={centered ? x + width / 2 : x} y={13} textAnchor={centered ? "middle" : "start"}>
      {text}
    </text>
  );
}

function MapNode({ node, load }: { node: Node; load: Load | undefined }): ReactNode {
  const { id, kind, service, x, y, width, height } = node;
  const middle = y + height / 2;
  const numbers = kind === "announcer" ? load?.announced : kind === "handler" ? load?.handled : undefined;
  const named = kind === "announcer" || kind === "handler";
  return (
    <g className={`map-node map-${kind}`} data-node={id}>
      <rect x={x} y={y} width={width} height={height} rx={4} />
      {kind === "queue" &&
        [0, 1, 2, 3].map((slot) => (
          <line
            key={slot}
            className="map-slot"
            x1={x + 15 + slot * 10}
            x2={x + 15 + slot * 10}
            y1={y + 5}
            y2={y + height - 5}
          />
        ))}
      {named && (
        <text x={x + 10} y={middle} dominantBaseline="central">
          {service}
        </text>
      )}
      {numbers !== undefined && numbers.count > 0 && (
        <text className="map-number" x={x + width - 10} y={middle} dominantBaseline="central" textAnchor="end">
          {formatNumber(numbers.count)} · {formatRate(numbers.rate)}
        </text>
      )}
    </g>
  );
}

/** The moving events. Each frame changes the attributes of circles, so React renders nothing. */
function Dots(): ReactNode {
  const layer = useRef<SVGGElement>(null);
  const fly = useRef<((notification: Notification) => void) | null>(null);
  useEffect(() => {
    const group = layer.current;
    if (group === null) return undefined;
    const svg = group.ownerSVGElement;
    let flights: readonly Flight[] = [];
    let request = 0;
    const draw = (now: number) => {
      flights = flights.filter((flight) => now < end(flight));
      const { dots, marked } = frame(flights, now);
      while (group.childElementCount > dots.length) group.lastElementChild?.remove();
      while (group.childElementCount < dots.length) group.append(createDot());
      dots.forEach(({ x, y }, index) => {
        group.children[index]?.setAttribute("cx", x.toFixed(1));
        group.children[index]?.setAttribute("cy", y.toFixed(1));
      });
      svg?.querySelectorAll<SVGElement>("[data-node]").forEach((node) => {
        node.classList.toggle("map-marked", marked.has(node.dataset["node"] ?? ""));
      });
      request = flights.length > 0 ? requestAnimationFrame(draw) : 0;
    };
    fly.current = (notification) => {
      const now = performance.now();
      const flight = route(notification, services, MAP, now);
      if (flight !== null) flights = launch(flights, flight, now);
      if (request === 0) request = requestAnimationFrame(draw);
    };
    return () => {
      fly.current = null;
      cancelAnimationFrame(request);
    };
  }, []);
  useNotifications(
    useCallback((notification: Notification) => {
      fly.current?.(notification);
    }, []),
  );
  return <g ref={layer} />;
}

function createDot(): SVGElement {
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("class", "map-dot");
  dot.setAttribute("r", "4");
  return dot;
}

function Numbers({ loads }: { loads: readonly Load[] }): ReactNode {
  return (
    <Table
      variant="embedded"
      items={loads}
      trackBy="service"
      ariaLabels={{ tableLabel: "Numbers by service" }}
      columnDefinitions={[
        { id: "service", header: "Service", cell: ({ service }) => service, isRowHeader: true },
        { id: "announced", header: "Announced", cell: ({ announced }) => formatNumber(announced.count) },
        { id: "announcedRate", header: "Announced per second", cell: ({ announced }) => formatRate(announced.rate) },
        { id: "handled", header: "Sent to its queue", cell: ({ handled }) => formatNumber(handled.count) },
        { id: "handledRate", header: "Sent per second", cell: ({ handled }) => formatRate(handled.rate) },
      ]}
    />
  );
}
