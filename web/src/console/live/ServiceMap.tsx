/** The map of services and queues, drawn from the contracts, with events that move along it as they arrive. */

import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
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

const HEADINGS: Readonly<Partial<Record<NodeKind, string>>> = {
  announcer: "Announce events",
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
      header={
        <Header
          variant="h2"
          description={
            still
              ? "Your system asks for less motion, so events are counted and do not move."
              : "Each dot is an event. It moves from the service that announces it to all that handle it."
          }
          counter={`(${formatRate(rate(tail, now))})`}
        >
          Services and queues
        </Header>
      }
    >
      <SpaceBetween size="s">
        <div className="map" role="group" aria-label="Map" tabIndex={0}>
          <svg
            viewBox={`0 0 ${MAP.width} ${MAP.height}`}
            role="img"
            aria-label={`Map of the services. ${ABOUT.join(" ")}`}
          >
            {Object.entries(HEADINGS).map(([kind, text]) => (
              <text key={kind} className="map-heading" x={COLUMNS[kind as NodeKind].x} y={14}>
                {text}
              </text>
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
        <ExpandableSection headerText="Numbers by service">
          <Numbers loads={[...load.values()]} />
        </ExpandableSection>
      </SpaceBetween>
    </Container>
  );
}

function MapNode({ node, load }: { node: Node; load: Load | undefined }): ReactNode {
  const { id, kind, service, x, y, width, height } = node;
  const middle = y + height / 2;
  const labels: Readonly<Record<NodeKind, string>> = {
    api: "API",
    topic: "Topic",
    queue: "",
    announcer: service,
    handler: service,
  };
  const numbers = kind === "announcer" ? load?.announced : kind === "handler" ? load?.handled : undefined;
  const tall = kind === "api" || kind === "topic";
  return (
    <g className={`map-node map-${kind}`} data-node={id}>
      <rect x={x} y={y} width={width} height={height} rx={8} />
      {kind === "queue" &&
        [0, 1, 2, 3].map((slot) => (
          <line
            key={slot}
            className="map-slot"
            x1={x + 17 + slot * 10}
            x2={x + 17 + slot * 10}
            y1={y + 10}
            y2={y + height - 10}
          />
        ))}
      <text
        x={tall ? x + width / 2 : x + 14}
        y={middle}
        dominantBaseline="central"
        textAnchor={tall ? "middle" : "start"}
      >
        {labels[kind]}
      </text>
      {numbers !== undefined && numbers.count > 0 && (
        <text className="map-number" x={x + width - 14} y={middle} dominantBaseline="central" textAnchor="end">
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
  dot.setAttribute("r", "5");
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
