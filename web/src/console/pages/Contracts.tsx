/** Contracts: which service announces and handles which events, and what these contain. */

import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Cards from "@cloudscape-design/components/cards";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import Tabs from "@cloudscape-design/components/tabs";
import TextFilter from "@cloudscape-design/components/text-filter";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useSearchParams } from "wouter";
import { services } from "../../generated/catalogue";
import { type Contract, contracts, searchContracts } from "../contracts/contracts";
import type { Field } from "../contracts/fields";
import { parseSpans } from "../shared/spans";
import { Empty, Page, PageLink, Spans } from "../shared/states";

export default function Contracts(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const service = search.get("service");
  return (
    <Page
      title="Contracts"
      description="Services know each other by their events only. This page is made from the schemas that each event must meet."
    >
      <Tabs
        ariaLabel="Contracts"
        activeTabId={service === null ? "events" : "services"}
        onChange={({ detail }) => {
          setSearch(detail.activeTabId === "services" ? { service: "" } : {});
        }}
        tabs={[
          { id: "events", label: `Events (${contracts.length})`, content: <Events opened={search.get("event")} /> },
          {
            id: "services",
            label: `Services (${services.length})`,
            content: <Services chosen={service ?? ""} />,
          },
        ]}
      />
    </Page>
  );
}

function Events({ opened }: { opened: string | null }): ReactNode {
  const [text, setText] = useState("");
  const found = searchContracts(contracts, text);
  return (
    <SpaceBetween size="s">
      <TextFilter
        filteringText={text}
        filteringAriaLabel="Find an event"
        filteringPlaceholder="Find events by name, service or field"
        filteringClearAriaLabel="Show all events"
        countText={`${found.length} ${found.length === 1 ? "event" : "events"}`}
        onChange={({ detail }) => {
          setText(detail.filteringText);
        }}
      />
      {found.length === 0 && (
        <Empty title="No event is like that">
          <Button
            onClick={() => {
              setText("");
            }}
          >
            Show all
          </Button>
        </Empty>
      )}
      {found.map((contract) => (
        <Event
          // An event that a link leads to is opened, also if it was closed here before.
          key={`${contract.type} ${contract.type === opened}`}
          contract={contract}
          opened={contract.type === opened}
        />
      ))}
    </SpaceBetween>
  );
}

function Event({ contract, opened }: { contract: Contract; opened: boolean }): ReactNode {
  const { type, meaning, announcedBy, fields } = contract;
  const [isExpanded, setExpanded] = useState(opened);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (opened) element.current?.scrollIntoView({ block: "start" });
  }, [opened]);
  return (
    <div ref={element}>
      <ExpandableSection
        variant="container"
        headingTagOverride="h2"
        headerText={type}
        headerCounter={`by ${announcedBy.join(", ")}`}
        headerDescription={meaning.replaceAll("`", "")}
        headerInfo={fields.some(({ personal }) => personal) && <Badge color="severity-medium">Personal data</Badge>}
        expanded={isExpanded}
        onChange={({ detail }) => {
          setExpanded(detail.expanded);
        }}
      >
        {isExpanded && <Details contract={contract} />}
      </ExpandableSection>
    </div>
  );
}

function Details({ contract: { type, announcedBy, handledBy, fields, schema } }: { contract: Contract }): ReactNode {
  return (
    <SpaceBetween size="l">
      <KeyValuePairs
        columns={3}
        items={[
          { label: "Announced by", value: <ServiceLinks names={announcedBy} /> },
          { label: "Handled by", value: <ServiceLinks names={handledBy} /> },
          { label: "Schema", value: <Box variant="code">docs/contracts/{schema}</Box> },
        ]}
      />
      <Table<Field>
        variant="embedded"
        wrapLines
        ariaLabels={{ tableLabel: `Fields of ${type}` }}
        items={fields}
        empty={<Empty title="No fields">That it happened is all that it says.</Empty>}
        columnDefinitions={[
          {
            id: "path",
            header: "Field",
            width: 280,
            isRowHeader: true,
            cell: ({ path, personal }) => (
              <SpaceBetween direction="horizontal" size="xs">
                <Box variant="code">{path}</Box>
                {personal && <Badge color="severity-medium">Personal</Badge>}
              </SpaceBetween>
            ),
          },
          { id: "type", header: "Type", width: 240, cell: ({ type: text }) => text },
          { id: "required", header: "Required", width: 110, cell: ({ required }) => (required ? "Yes" : "No") },
          {
            id: "description",
            header: "Meaning",
            minWidth: 240,
            cell: ({ description }) => (description === "" ? "–" : <Spans spans={parseSpans(description)} />),
          },
        ]}
      />
    </SpaceBetween>
  );
}

function ServiceLinks({ names }: { names: readonly string[] }): ReactNode {
  if (names.length === 0) return "Nobody";
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {names.map((name) => (
        <PageLink key={name} to={`/contracts?service=${name}`}>
          {name}
        </PageLink>
      ))}
    </SpaceBetween>
  );
}

function Services({ chosen }: { chosen: string }): ReactNode {
  const [, setSearch] = useSearchParams();
  const shown = chosen === "" ? services : services.filter(({ name }) => name === chosen);
  return (
    <SpaceBetween size="s">
      {chosen !== "" && (
        <Button
          onClick={() => {
            setSearch({ service: "" });
          }}
        >
          Show all services
        </Button>
      )}
      <Cards
        items={shown}
        trackBy="name"
        cardsPerRow={[{ cards: 1 }, { minWidth: 800, cards: shown.length === 1 ? 1 : 2 }]}
        ariaLabels={{ itemSelectionLabel: (_, { name }) => name, selectionGroupLabel: "", cardsLabel: "Services" }}
        empty={<Empty title="No service has this name" />}
        cardDefinition={{
          header: ({ name }) => <Box variant="h2">{name}</Box>,
          sections: [
            { id: "summary", content: ({ summary }) => `${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}` },
            { id: "announces", header: "Announces", content: ({ announces }) => <EventLinks types={announces} /> },
            { id: "handles", header: "Handles", content: ({ handles }) => <EventLinks types={handles} /> },
          ],
        }}
      />
    </SpaceBetween>
  );
}

function EventLinks({ types }: { types: readonly string[] }): ReactNode {
  if (types.length === 0) return "Nothing";
  if (types.length === contracts.length) return "All events";
  return (
    <SpaceBetween direction="horizontal" size="xs">
      {types.map((type) => (
        <PageLink key={type} to={`/contracts?event=${type}`}>
          {type}
        </PageLink>
      ))}
    </SpaceBetween>
  );
}
