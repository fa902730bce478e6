/** Services: their queues, relays, connections and alarms as they are now. */

import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Cards from "@cloudscape-design/components/cards";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { services as catalogue } from "../../generated/catalogue";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { type FailureKind, KINDS } from "../failures/failures";
import { sentence } from "../order/status";
import { entryOf } from "../runbook/runbook";
import {
  activeAlarms,
  type Alarm,
  alarmsOfNoService,
  delivers,
  describeInactive,
  type Mapping,
  overviewOf,
  problemsOf,
  type ServiceView,
  shortName,
  sortServices,
} from "../services/services";
import { formatDuration, formatNumber } from "../shared/format";
import { Status } from "../shared/Status";
import { Empty, Page, PageLink, Queried, Time } from "../shared/states";

/** How often the state is read again while the page is shown, in milliseconds. */
const INTERVAL = 10_000;

/** The stage on this computer, whose cloud evaluates no alarms. */
const LOCAL = "local";

export default function Services(): ReactNode {
  const { api } = usePage();
  const query = useQuery({
    queryKey: ["services"],
    queryFn: () => answer(api.GET("/operators/services")),
    refetchInterval: INTERVAL,
  });
  const alarms = useQuery({
    queryKey: ["alarms"],
    queryFn: () => answer(api.GET("/operators/alarms")),
    refetchInterval: INTERVAL,
  });
  const isEvaluated = useEvaluated();
  return (
    <Page
      title="Services"
      description={
        query.dataUpdatedAt > 0 && (
          <>
            Read every 10 seconds, last <Time at={new Date(query.dataUpdatedAt).toISOString()} />. Numbers of messages
            are approximate.
          </>
        )
      }
    >
      <SpaceBetween size="l">
        {!isEvaluated && (
          <Alert type="info" header="The local cloud evaluates no alarms">
            Look at queues, dead letters and deliveries instead: they are as they are now.
          </Alert>
        )}
        <Queried query={query} what="the services">
          {({ items }) => <Summary services={items} alarms={alarms.data?.items} />}
        </Queried>
        <Queried query={alarms} what="the alarms">
          {({ items }) => <SharedAlarms alarms={alarmsOfNoService(items)} />}
        </Queried>
        {query.data !== undefined && (
          <Cards
            items={sortServices(query.data.items)}
            trackBy="name"
            cardsPerRow={[{ cards: 1 }, { minWidth: 700, cards: 2 }, { minWidth: 1400, cards: 3 }]}
            ariaLabels={{
              itemSelectionLabel: (_, { name }) => name,
              selectionGroupLabel: "",
              cardsLabel: "Services",
            }}
            empty={<Empty title="No services">This stage has none.</Empty>}
            cardDefinition={{
              header: (service) => <CardHeader service={service} />,
              sections: [
                { id: "state", content: (service) => <State service={service} /> },
                { id: "alarms", content: (service) => <Alarms alarms={service.alarms} /> },
                { id: "events", content: ({ name }) => <Events name={name} /> },
              ],
            }}
          />
        )}
      </SpaceBetween>
    </Page>
  );
}

/** Returns whether the stage's alarms are evaluated. */
function useEvaluated(): boolean {
  return usePage().config.stage !== LOCAL;
}

/** Shows the alarms that belong to no service. */
function SharedAlarms({ alarms }: { alarms: readonly Alarm[] }): ReactNode {
  if (alarms.length === 0) return null;
  return (
    <Container
      header={
        <Header variant="h2" description="Alarms of the API and of what else all services share.">
          Shared alarms
        </Header>
      }
    >
      <Alarms alarms={alarms} />
    </Container>
  );
}

function Summary({
  services,
  alarms,
}: {
  services: readonly ServiceView[];
  /** All alarms; undefined while they are not known. */
  alarms: readonly Alarm[] | undefined;
}): ReactNode {
  const { deadLetters, messages, oldest, lag } = overviewOf(services);
  const isEvaluated = useEvaluated();
  const active = alarms && activeAlarms(alarms).length;
  return (
    <Container>
      <KeyValuePairs
        columns={4}
        items={[
          {
            label: "Active alarms",
            value:
              active === undefined ? (
                <Figure>–</Figure>
              ) : active === 0 && !isEvaluated ? (
                <Figure note="not evaluated">–</Figure>
              ) : (
                <Count value={active} />
              ),
          },
          { label: "Dead letters", value: <Count value={deadLetters} /> },
          {
            label: "Messages in queues",
            value: (
              <Figure note={oldest === null ? undefined : `oldest ${formatDuration(oldest)}`}>
                {formatNumber(messages)}
              </Figure>
            ),
          },
          { label: "Largest lag of a relay", value: <Figure>{lag === null ? "–" : formatDuration(lag)}</Figure> },
        ]}
      />
    </Container>
  );
}

function Figure({ note, children }: { note?: string | undefined; children: ReactNode }): ReactNode {
  return (
    <Box fontSize="heading-xl" fontWeight="bold">
      {children}{" "}
      {note !== undefined && (
        <Box variant="span" fontSize="body-m" fontWeight="normal" color="text-body-secondary">
          {note}
        </Box>
      )}
    </Box>
  );
}

/** A number that should be zero. */
function Count({ value }: { value: number }): ReactNode {
  return (
    <Box fontSize="heading-xl" fontWeight="bold" color={value > 0 ? "text-status-error" : "text-status-success"}>
      {formatNumber(value)}
    </Box>
  );
}

function CardHeader({ service }: { service: ServiceView }): ReactNode {
  const problems = problemsOf(service);
  const healthy = useEvaluated() ? "Healthy" : "No problem seen, alarms aside";
  return (
    <Header
      variant="h2"
      description={sentence(service.summary)}
      actions={
        <StatusIndicator type={problems.length === 0 ? "success" : "error"}>
          {problems.length === 0 ? healthy : problems.join(", ")}
        </StatusIndicator>
      }
    >
      {service.name}
    </Header>
  );
}

function State({ service }: { service: ServiceView }): ReactNode {
  const { name, queue, dlq, undelivered, relay_dlq: relay, relay_lag_seconds: lag, mappings } = service;
  const items = [
    ...(queue === null
      ? []
      : [
          {
            label: "Queue",
            value: `${formatNumber(queue.waiting)} waiting, ${formatNumber(queue.in_flight)} in flight`,
          },
          {
            label: "Oldest",
            value: queue.oldest_seconds === null ? "–" : formatDuration(queue.oldest_seconds),
          },
        ]),
    ...(relay === null ? [] : [{ label: "Relay lag", value: lag === null ? "–" : formatDuration(lag) }]),
    ...(dlq === null && undelivered === null && relay === null
      ? []
      : [
          {
            label: "Dead letters",
            value: (
              <DeadLetters
                service={name}
                counts={{ dlq: dlq ?? 0, undelivered: undelivered ?? 0, relay: relay ?? 0 }}
              />
            ),
          },
        ]),
    ...(mappings.length === 0
      ? []
      : [{ label: "Deliveries", value: mappings.map((mapping) => <Delivery key={mapping.kind} mapping={mapping} />) }]),
  ];
  if (items.length === 0) return <Box color="text-body-secondary">It has no queue and no relay.</Box>;
  return <KeyValuePairs columns={3} minColumnWidth={180} items={items} />;
}

function DeadLetters({
  service,
  counts,
}: {
  service: string;
  counts: Readonly<Record<FailureKind, number>>;
}): ReactNode {
  const kinds = (Object.keys(KINDS) as FailureKind[]).filter((kind) => counts[kind] > 0);
  if (kinds.length === 0) return "None";
  return kinds.map((kind) => (
    <div key={kind}>
      <PageLink to={`/failures?service=${service}&kind=${kind}`}>
        {formatNumber(counts[kind])} {KINDS[kind].toLowerCase()}
      </PageLink>
    </div>
  ));
}

function Delivery({ mapping }: { mapping: Mapping }): ReactNode {
  const { kind, state, problem } = mapping;
  return (
    <div>
      <Status
        type={delivers(mapping) ? "success" : "error"}
        text={`${kind === "queue" ? "Queue" : "Relay"}: ${state}`}
        note={problem ?? ""}
      />
    </div>
  );
}

function Alarms({ alarms }: { alarms: readonly Alarm[] }): ReactNode {
  const isEvaluated = useEvaluated();
  const active = activeAlarms(alarms);
  const others = alarms.filter((alarm) => !active.includes(alarm));
  if (alarms.length === 0) return null;
  return (
    <SpaceBetween size="xs">
      {active.map((alarm) => (
        <AlarmView key={alarm.name} alarm={alarm} />
      ))}
      {others.length > 0 && (
        <ExpandableSection headerText={describeInactive(others, isEvaluated)}>
          <SpaceBetween size="xs">
            {others.map((alarm) => (
              <AlarmView key={alarm.name} alarm={alarm} />
            ))}
          </SpaceBetween>
        </ExpandableSection>
      )}
    </SpaceBetween>
  );
}

const STATES = {
  ALARM: { type: "error", text: "Active" },
  OK: { type: "success", text: "OK" },
  INSUFFICIENT_DATA: { type: "pending", text: "No data" },
} as const;

function AlarmView({ alarm }: { alarm: Alarm }): ReactNode {
  const { state, since, problem, runbook, service } = alarm;
  const { type, text } = STATES[state];
  return (
    <div>
      <StatusIndicator type={type}>
        {shortName(alarm)}: {text} since <Time at={since} />
      </StatusIndicator>
      <Box color="text-body-secondary" fontSize="body-s">
        {problem}{" "}
        {runbook !== "" && (
          <PageLink
            to={`/runbook/${entryOf(runbook)}${service === null ? "" : `?service=${service}`}`}
            label={`Runbook: ${entryOf(runbook)}`}
          >
            Runbook
          </PageLink>
        )}
      </Box>
    </div>
  );
}

function Events({ name }: { name: string }): ReactNode {
  const entry = catalogue.find((service) => service.name === name);
  if (entry === undefined) return null;
  const { announces, handles } = entry;
  return (
    <ExpandableSection headerText={`Announces ${announces.length} and handles ${handles.length} kinds of events`}>
      <SpaceBetween size="xs">
        <EventList label="Announces" events={announces} />
        <EventList label="Handles" events={handles} />
      </SpaceBetween>
    </ExpandableSection>
  );
}

function EventList({ label, events }: { label: string; events: readonly string[] }): ReactNode {
  if (events.length === 0) return null;
  return (
    <SpaceBetween direction="horizontal" size="xs">
      <Badge>{label}</Badge>
      {events.map((type) => (
        <PageLink key={type} to={`/contracts?event=${type}`}>
          {type}
        </PageLink>
      ))}
    </SpaceBetween>
  );
}
