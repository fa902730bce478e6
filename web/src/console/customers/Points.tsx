/** A customer's points, and the orders that earned them. */

import Box from "@cloudscape-design/components/box";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { Empty, More, PageLink, Queried, Time } from "../shared/states";

const STATUSES = {
  awarded: { type: "success", text: "Awarded" },
  revoked: { type: "stopped", text: "Revoked" },
  forbidden: { type: "stopped", text: "Cancelled before they were awarded" },
} as const;

/** Shows a customer's points. */
export function Points({ customer }: { customer: string }): ReactNode {
  const { api } = usePage();
  const query = useInfiniteQuery({
    queryKey: ["points", customer],
    queryFn: ({ pageParam: cursor }) =>
      answer(
        api.GET("/operators/customers/{id}/loyalty", {
          params: { path: { id: customer }, query: { limit: 20, ...(cursor !== null && { cursor }) } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  return (
    <Queried query={query} what="the points">
      {({ pages }) => (
        <Table
          items={pages.flatMap(({ items }) => items)}
          trackBy="order"
          variant="container"
          ariaLabels={{ tableLabel: "Points" }}
          header={
            <Header variant="h2" description={<Balance points={pages[0]?.balance ?? 0} />}>
              Points
            </Header>
          }
          empty={<Empty title="No points">No order of this customer was confirmed, or nobody has this id.</Empty>}
          footer={<More query={query} />}
          columnDefinitions={[
            {
              id: "order",
              header: "Order",
              isRowHeader: true,
              cell: ({ order }) => <PageLink to={`/orders/${order}`}>{order.slice(0, 8)}</PageLink>,
            },
            { id: "points", header: "Points", cell: ({ points }) => formatNumber(points) },
            {
              id: "status",
              header: "Status",
              cell: ({ status }) => (
                <StatusIndicator type={STATUSES[status].type}>{STATUSES[status].text}</StatusIndicator>
              ),
            },
            { id: "earned", header: "Earned", cell: ({ earned_at: at }) => <Time at={at} /> },
          ]}
        />
      )}
    </Queried>
  );
}

function Balance({ points }: { points: number }): ReactNode {
  return (
    <>
      Balance: <Box variant="strong">{formatNumber(points)}</Box>
    </>
  );
}
