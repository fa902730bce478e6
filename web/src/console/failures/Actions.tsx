/** The record of what operators have done to dead letters, the newest first. */

import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { components } from "../../generated/api";
import { answer } from "../../shared/api";
import { usePage, usePerson } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { Empty, More, Queried, Time } from "../shared/states";
import { formatReasons, KINDS } from "./failures";

/** Shows the record of actions. */
export function Actions(): ReactNode {
  const { api } = usePage();
  const person = usePerson();
  const query = useInfiniteQuery({
    queryKey: ["actions"],
    queryFn: ({ pageParam: cursor }) =>
      answer(api.GET("/operators/actions", { params: { query: { limit: 20, ...(cursor !== null && { cursor }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  return (
    <Queried query={query} what="the record of actions">
      {({ pages }) => (
        <Table
          items={pages.flatMap(({ items }) => items)}
          trackBy="id"
          variant="container"
          wrapLines
          ariaLabels={{ tableLabel: "Record of actions" }}
          header={
            <Header
              variant="h2"
              description="Who redrove and dropped dead letters. What an operator does to an order is in the order's timeline."
              actions={<Button iconName="refresh" ariaLabel="Read again" onClick={() => void query.refetch()} />}
            >
              Record of actions
            </Header>
          }
          empty={<Empty title="No actions">No operator has redriven or dropped a message yet.</Empty>}
          footer={<More query={query} />}
          columnDefinitions={[
            { id: "time", header: "Time", cell: ({ time }) => <Time at={time} /> },
            {
              id: "action",
              header: "Action",
              isRowHeader: true,
              cell: ({ action }) => (action === "redrive" ? "Redrive" : "Drop"),
            },
            { id: "who", header: "Operator", cell: ({ who }) => (who === person?.id ? "You" : who) },
            { id: "service", header: "Service", cell: ({ service }) => service },
            { id: "kind", header: "Kind", cell: ({ details }) => KINDS[details.kind] },
            { id: "messages", header: "Messages", cell: ({ details }) => formatReasons(details.reasons) },
            { id: "outcome", header: "Outcome", cell: ({ details }) => <Outcome details={details} /> },
          ]}
        />
      )}
    </Queried>
  );
}

type Details = components["schemas"]["ActionDetails"];

function Outcome({ details: { outcome, left, refused, truncated, problem } }: { details: Details }): ReactNode {
  if (outcome === "failed") return <StatusIndicator type="error">{problem ?? "Failed"}</StatusIndicator>;
  if (outcome === "begun") return <StatusIndicator type="in-progress">Begun, or broken off</StatusIndicator>;
  const notes = [
    ...(left > 0 ? [`${formatNumber(left)} left`] : []),
    ...(refused > 0 ? [`${formatNumber(refused)} refused`] : []),
    ...(truncated ? ["not all were looked at"] : []),
  ];
  return (
    <StatusIndicator type={notes.length === 0 ? "success" : "warning"}>{["Done", ...notes].join(", ")}</StatusIndicator>
  );
}
