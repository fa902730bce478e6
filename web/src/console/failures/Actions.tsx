/** The record of what operators have done to dead letters, the newest first. */

import Button from "@cloudscape-design/components/button";
import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { Empty, More, PageLink, Queried, Time } from "../shared/states";
import { formatDetails } from "./failures";

/** Shows the record of actions. */
export function Actions(): ReactNode {
  const { api } = usePage();
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
            { id: "action", header: "Action", cell: ({ action }) => action, isRowHeader: true },
            { id: "who", header: "Operator", cell: ({ who }) => who },
            { id: "service", header: "Service", cell: ({ service }) => service ?? "–" },
            {
              id: "subject",
              header: "Order",
              cell: ({ subject }) =>
                subject === null ? "–" : <PageLink to={`/orders/${subject}`}>{subject.slice(0, 8)}</PageLink>,
            },
            {
              id: "details",
              header: "Details",
              cell: ({ details }) => (
                <Box fontSize="body-s" color="text-body-secondary">
                  {formatDetails(details)}
                </Box>
              ),
            },
          ]}
        />
      )}
    </Queried>
  );
}
