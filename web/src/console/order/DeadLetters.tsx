/** The dead letters of an order: messages about it that a service could not handle. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { type ReactNode, useState } from "react";
import { answer, type Api } from "../../shared/api";
import { formatRemedy } from "../failures/failures";
import { usePage } from "../../shared/page";
import { ProblemError } from "../../shared/problem";
import { LongText } from "../shared/LongText";
import { Empty, PageLink, Queried, Time } from "../shared/states";
import { Confirm } from "./Confirm";
import { type DeadLetter, useDeadLetters } from "./queries";
import { type Batch, batches, type Outcome } from "./redrive";

export function DeadLetters({ id }: { id: string }): ReactNode {
  const { api } = usePage();
  const query = useDeadLetters(id);
  const [asking, setAsking] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const items = query.data?.items ?? [];
  const redriven = batches(items);
  const count = redriven.reduce((total, { ids }) => total + ids.length, 0);
  return (
    <Container
      header={
        <Header
          variant="h2"
          {...(items.length > 0 && { counter: `(${items.length})` })}
          description={
            <>
              Messages about the order that a service could not handle.
              {items.length > 0 && (
                <>
                  {" "}
                  <PageLink to={`/failures?order=${encodeURIComponent(id)}`}>Look at them, or drop them</PageLink>
                </>
              )}
            </>
          }
          actions={
            <SpaceBetween size="xs" direction="horizontal">
              <Button
                iconName="refresh"
                ariaLabel="Read the dead letters again"
                loading={query.isFetching}
                onClick={() => void query.refetch()}
              />
              <Button
                disabled={count === 0}
                onClick={() => {
                  setOutcome(null);
                  setAsking(true);
                }}
              >
                Redrive
              </Button>
            </SpaceBetween>
          }
        >
          Dead letters
        </Header>
      }
    >
      <SpaceBetween size="m">
        {outcome !== null && <Result outcome={outcome} />}
        <Queried query={query} what="the dead letters">
          {({ items: letters, truncated, held }) => (
            <SpaceBetween size="m">
              {truncated && (
                <Alert type="warning">
                  {held > 0
                    ? `Another request holds about ${held} dead letters for a few seconds. Some may be about this order: read them again.`
                    : "There are too many dead letters to look at all. More may be about this order."}
                </Alert>
              )}
              {letters.length > 0 && <Letters letters={letters} />}
              {letters.length === 0 && !truncated && (
                <Empty title="No dead letters">
                  No service has given up a message about this order. One that is still being tried is not shown here.
                </Empty>
              )}
            </SpaceBetween>
          )}
        </Queried>
      </SpaceBetween>
      {asking && (
        <Confirm
          id={id}
          title="Redrive the dead letters"
          action="Redrive"
          failure="The dead letters could not be redriven"
          run={async () => {
            setOutcome(await redrive(api, id, redriven));
          }}
          onClose={() => {
            setAsking(false);
          }}
        >
          {count === 1 ? "1 message is" : `${count} messages are`} sent again to{" "}
          {[...new Set(redriven.map(({ service }) => service))].join(", ")}. Redrive after the fault is mended: a
          message that fails again comes back.
        </Confirm>
      )}
    </Container>
  );
}

function Letters({ letters }: { letters: readonly DeadLetter[] }): ReactNode {
  return (
    <Table
      variant="embedded"
      items={letters}
      trackBy="id"
      wrapLines
      ariaLabels={{ tableLabel: "Dead letters" }}
      columnDefinitions={[
        { id: "service", header: "Service", cell: ({ service }) => service, isRowHeader: true },
        { id: "type", header: "Event", cell: ({ type }) => <LongText>{type ?? "–"}</LongText> },
        {
          id: "reason",
          header: "Reason",
          cell: ({ reason, detail }) => (
            <LongText>
              {reason}
              {detail !== "" && detail !== reason && (
                <Box variant="small" color="text-body-secondary" display="block">
                  {detail}
                </Box>
              )}
            </LongText>
          ),
        },
        { id: "sent", header: "First sent", cell: ({ sent_at: at }) => <Time at={at} /> },
        { id: "receives", header: "Deliveries", cell: ({ receives }) => receives ?? "–" },
        { id: "remedy", header: "What to do", cell: formatRemedy },
      ]}
    />
  );
}

function Result({ outcome: { done, left, refused } }: { outcome: Outcome }): ReactNode {
  return (
    <Alert type={left > 0 || refused.length > 0 ? "warning" : "success"}>
      {done === 1 ? "1 message was" : `${done} messages were`} sent again.
      {left > 0 && ` ${left} ${left === 1 ? "is" : "are"} still there, or came back: read them again.`}
      {refused.length > 0 && ` The queue refused some: ${refused.join(", ")}.`}
    </Alert>
  );
}

/** Redrives batches, one after the other. */
async function redrive(api: Api, order: string, all: readonly Batch[]): Promise<Outcome> {
  const outcome = { done: 0, left: 0, refused: [] as string[] };
  for (const { service, kind, ids } of all) {
    let result;
    try {
      result = await answer(
        api.POST("/operators/dead-letters/{service}/redrive", {
          params: { path: { service } },
          body: { kind, ids: [...ids], reason: null, order, dry_run: false },
        }),
      );
    } catch (error) {
      // Another operator has redriven or dropped them.
      if (error instanceof ProblemError && error.status === 404) continue;
      throw error;
    }
    const { done, left, refused } = result;
    outcome.done += done;
    outcome.left += left;
    outcome.refused.push(...Object.values(refused));
  }
  return outcome;
}
