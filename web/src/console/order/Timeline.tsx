/** An order's timeline: as a waterfall and as a table, with the data of the selected event. */

import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Link from "@cloudscape-design/components/link";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { events as catalogue } from "../../generated/catalogue";
import { Empty, Queried } from "../shared/states";
import { formatDelay } from "./delay";
import type { Timeline as TimelineData } from "./queries";
import type { TimelineEvent } from "./waterfall";
import { Waterfall } from "./Waterfall";

const TIME = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

type View = "waterfall" | "table";

/** What the parts of the timeline share. */
interface Shown {
  readonly events: readonly TimelineEvent[];
  readonly selected: string | null;
  readonly onSelect: (id: string) => void;
}

export function Timeline({ query }: { query: UseQueryResult<TimelineData> }): ReactNode {
  const [view, setView] = useState<View>("waterfall");
  const [selected, setSelected] = useState<string | null>(null);
  const count = query.data?.events.length ?? 0;
  return (
    <Container
      header={
        <Header
          variant="h2"
          {...(count > 0 && { counter: `(${count})` })}
          description="All events of the order, by all services. Arrows lead from causes to effects."
          actions={
            <SegmentedControl
              label="View of the timeline"
              selectedId={view}
              options={[
                { id: "waterfall", text: "Waterfall" },
                { id: "table", text: "Table" },
              ]}
              onChange={({ detail }) => {
                setView(detail.selectedId === "table" ? "table" : "waterfall");
              }}
            />
          }
        >
          Timeline
        </Header>
      }
    >
      <Queried query={query} what="the timeline">
        {({ events }) => {
          if (events.length === 0) return <Empty title="No events yet">They appear here as they are recorded.</Empty>;
          const shown: Shown = { events, selected, onSelect: setSelected };
          const event = events.find(({ id }) => id === selected);
          return (
            <SpaceBetween size="l">
              {view === "waterfall" ? <Waterfall {...shown} /> : <EventTable {...shown} />}
              {event === undefined ? (
                <Box color="text-body-secondary">Select an event to see its data, its cause and its effects.</Box>
              ) : (
                <Details {...shown} event={event} />
              )}
            </SpaceBetween>
          );
        }}
      </Queried>
    </Container>
  );
}

function EventTable({ events, selected, onSelect }: Shown): ReactNode {
  const types = new Map(events.map(({ id, type }) => [id, type]));
  return (
    <Table
      variant="embedded"
      items={events}
      trackBy="id"
      ariaLabels={{ tableLabel: "Events of the order" }}
      columnDefinitions={[
        { id: "time", header: "Time", cell: ({ time }) => TIME.format(new Date(time)) },
        {
          id: "type",
          header: "Type",
          isRowHeader: true,
          cell: ({ id, type }) => (
            <SpaceBetween size="xs" direction="horizontal">
              <EventLink id={id} label={type} onSelect={onSelect} />
              {id === selected && <Badge color="blue">Selected</Badge>}
            </SpaceBetween>
          ),
        },
        { id: "source", header: "Source", cell: ({ source }) => source },
        {
          id: "delay",
          header: "After its cause",
          cell: ({ delay_ms: delay }) => (delay === null ? "–" : formatDelay(delay)),
        },
        {
          id: "cause",
          header: "Caused by",
          cell: ({ causationid: id }) =>
            id === null ? "A request or a job" : (types.get(id) ?? "An event that is not recorded"),
        },
      ]}
    />
  );
}

function Details({ events, event, onSelect }: Shown & { event: TimelineEvent }): ReactNode {
  const { id, type, source, time, causationid, delay_ms: delay, data } = event;
  const cause = events.find((other) => other.id === causationid);
  const effects = events.filter((other) => other.causationid === id);
  const summary = catalogue.find(({ name }) => name === type)?.summary;
  const json = JSON.stringify(data, null, 2);
  return (
    <section aria-label={`Event ${type}`}>
      <SpaceBetween size="m">
        <Header variant="h3" description={summary?.replaceAll("`", "")}>
          {type}
        </Header>
        <KeyValuePairs
          columns={3}
          items={[
            { label: "Announced by", value: source },
            { label: "Time", value: TIME.format(new Date(time)) },
            { label: "After its cause", value: delay === null ? "–" : formatDelay(delay) },
            {
              label: "Id",
              value: (
                <CopyToClipboard
                  variant="inline"
                  textToCopy={id}
                  copyButtonAriaLabel="Copy the id"
                  copySuccessText="Copied"
                  copyErrorText="Not copied"
                />
              ),
            },
            {
              label: "Caused by",
              value:
                causationid === null ? (
                  "A request or a job"
                ) : cause === undefined ? (
                  `An event that is not recorded for this order: ${causationid}`
                ) : (
                  <EventLink id={cause.id} label={cause.type} onSelect={onSelect} />
                ),
            },
            {
              label: "Caused",
              value:
                effects.length === 0 ? (
                  "Nothing"
                ) : (
                  <SpaceBetween size="xxs">
                    {effects.map((effect) => (
                      <EventLink key={effect.id} id={effect.id} label={effect.type} onSelect={onSelect} />
                    ))}
                  </SpaceBetween>
                ),
            },
          ]}
        />
        <div>
          <Box variant="awsui-key-label">Data</Box>
          <pre className="event-data" tabIndex={0} aria-label="Data of the event" role="region">
            {json}
          </pre>
        </div>
      </SpaceBetween>
    </section>
  );
}

function EventLink({ id, label, onSelect }: { id: string; label: string; onSelect: (id: string) => void }): ReactNode {
  return (
    <Link
      onFollow={() => {
        onSelect(id);
      }}
    >
      {label}
    </Link>
  );
}
