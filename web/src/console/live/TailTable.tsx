/** The latest events as a table, with filters and a pause. */

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import PropertyFilter, { type PropertyFilterProps } from "@cloudscape-design/components/property-filter";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { type ReactNode, useState } from "react";
import { events, services } from "../../generated/catalogue";
import { formatNumber } from "../shared/format";
import { Empty, PageLink } from "../shared/states";
import { useTail } from "./events";
import { matches } from "./filter";
import { type Entry, isOrder, type Tail } from "./tail";

const PAGE_SIZE = 50;

const PROPERTIES = [
  { key: "type", propertyLabel: "Type", groupValuesLabel: "Types", operators: ["=", "!=", ":"] },
  { key: "source", propertyLabel: "Source", groupValuesLabel: "Sources", operators: ["=", "!="] },
  { key: "subject", propertyLabel: "Subject", groupValuesLabel: "Subjects", operators: ["=", ":"] },
] as const satisfies readonly PropertyFilterProps.FilteringProperty[];

const OPTIONS: readonly PropertyFilterProps.FilteringOption[] = [
  ...events.map(({ name }) => ({ propertyKey: "type", value: name })),
  ...services
    .filter(({ announces }) => announces.length > 0)
    .map(({ name }) => ({ propertyKey: "source", value: name })),
];

const TIME = new Intl.DateTimeFormat(undefined, {
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

const COLUMNS: readonly TableProps.ColumnDefinition<Entry>[] = [
  {
    id: "time",
    header: "Time",
    width: 130,
    cell: (entry) => TIME.format(entry.kind === "gap" ? entry.to : new Date(entry.time)),
  },
  {
    id: "type",
    header: "Type",
    isRowHeader: true,
    cell: (entry) =>
      entry.kind === "gap" ? <StatusIndicator type="warning">Events may be missing</StatusIndicator> : entry.type,
  },
  { id: "source", header: "Source", cell: (entry) => (entry.kind === "gap" ? "" : entry.source) },
  {
    id: "subject",
    header: "Subject",
    cell: (entry) =>
      entry.kind === "gap" ? (
        `No connection since ${TIME.format(entry.from)}`
      ) : (
        <PageLink to={isOrder(entry.subject) ? `/orders/${encodeURIComponent(entry.subject)}` : "/products"}>
          {entry.subject}
        </PageLink>
      ),
  },
];

export function TailTable(): ReactNode {
  const current = useTail();
  const [held, setHeld] = useState<Tail | null>(null);
  const { entries } = held ?? current;
  const behind = held === null ? 0 : count(current) - count(held);
  const { items, collectionProps, propertyFilterProps, paginationProps, filteredItemsCount } = useCollection(entries, {
    propertyFiltering: {
      filteringProperties: PROPERTIES,
      filteringFunction: (entry, query) => entry.kind === "gap" || matches(entry, query),
      empty: <Empty title="No events yet">Events appear here as they are announced.</Empty>,
      noMatch: <Empty title="No event matches the filters" />,
    },
    pagination: { pageSize: PAGE_SIZE },
  });
  return (
    <Container
      fitHeight
      header={
        <div className="tail-header">
          <div className="tail-title">
            <Header
              variant="h2"
              counter={`(${formatNumber(entries.length)})`}
              {...(held !== null && {
                info: (
                  <Box variant="small" color="text-body-secondary">
                    Paused. {behind === 1 ? "1 event has" : `${formatNumber(behind)} events have`} arrived since.
                  </Box>
                ),
              })}
            >
              Events
            </Header>
          </div>
          <div className="tail-filter">
            <PropertyFilter
              {...propertyFilterProps}
              filteringOptions={OPTIONS}
              countText={`${formatNumber(filteredItemsCount ?? 0)} matches`}
              filteringAriaLabel="Find events"
              filteringPlaceholder="Find events by type, source or subject"
            />
          </div>
          {paginationProps.pagesCount > 1 && <Pagination {...paginationProps} />}
          <Button
            iconName={held === null ? "pause" : "play"}
            onClick={() => {
              setHeld(held === null ? current : null);
            }}
          >
            {held === null ? "Pause" : "Resume"}
          </Button>
        </div>
      }
    >
      <Table
        {...collectionProps}
        items={items}
        columnDefinitions={COLUMNS}
        trackBy="id"
        variant="embedded"
        contentDensity="compact"
        stickyHeader
        ariaLabels={{ tableLabel: "Events" }}
      />
    </Container>
  );
}

function count({ types }: Tail): number {
  return [...types.values()].reduce((total, number) => total + number, 0);
}
