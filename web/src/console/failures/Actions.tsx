/** The record of what operators have done to dead letters, the newest first. */

import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { components } from "../../generated/api";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { LongText } from "../shared/LongText";
import { Operator } from "../shared/Operator";
import { Empty, More, PageLink, Queried, Time } from "../shared/states";
import { formatReasons, KINDS } from "./failures";
import { Outcome } from "./Outcome";

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
              description="Who redrove and dropped dead letters. The page of each order shows those of its messages."
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
            { id: "who", header: "Operator", cell: ({ who }) => <Operator id={who} /> },
            { id: "orders", header: "Orders", cell: (action) => <Orders action={action} /> },
            { id: "service", header: "Service", cell: ({ service }) => service },
            { id: "kind", header: "Kind", cell: ({ details }) => KINDS[details.kind] },
            {
              id: "messages",
              header: "Messages",
              cell: ({ details }) => <LongText>{formatReasons(details.reasons)}</LongText>,
            },
            { id: "outcome", header: "Outcome", cell: ({ details }) => <Outcome details={details} /> },
          ]}
        />
      )}
    </Queried>
  );
}

/** The orders that an action concerned: the first of them, and the number of the others. */
function Orders({ action: { orders, more_orders: more } }: { action: components["schemas"]["ActionView"] }): ReactNode {
  const [first] = orders;
  if (first === undefined) return "–";
  const others = orders.length - 1 + more;
  return (
    <>
      <PageLink to={`/orders/${encodeURIComponent(first)}`} label={`Order ${first}`}>
        {first.slice(0, 8)}
      </PageLink>
      {others > 0 && ` and ${formatNumber(others)} more`}
    </>
  );
}
