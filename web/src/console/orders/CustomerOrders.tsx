/** The orders of a customer. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { answer } from "../../shared/api";
import { formatMoney } from "../../shared/money";
import { usePage } from "../../shared/page";
import { ORDER_STATUS } from "../order/status";
import { Empty, Failed, PageLink, Time } from "../shared/states";

export function CustomerOrders({ id }: { id: string }): ReactNode {
  const { api } = usePage();
  const { data, error, isFetching, isPending, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: ["customer", id, "orders"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/operators/customers/{id}/orders", {
          params: { path: { id }, query: pageParam === null ? {} : { cursor: pageParam } },
        }),
      ),
    getNextPageParam: ({ next }) => next,
  });
  const orders = data?.pages.flatMap(({ items }) => items) ?? [];
  if (error !== null && data === undefined) {
    return <Failed title="Could not load the customer's orders" error={error} again={() => void refetch()} />;
  }
  return (
    <Table
      items={orders}
      trackBy="id"
      loading={isPending}
      loadingText="Loading the customer's orders"
      header={
        <Header
          variant="h2"
          counter={`(${orders.length}${hasNextPage ? "+" : ""})`}
          description={`Of the customer ${id}, the latest one first.`}
          actions={
            <Button
              iconName="refresh"
              ariaLabel="Read the orders again"
              loading={isFetching}
              onClick={() => void refetch()}
            />
          }
        >
          The customer's orders
        </Header>
      }
      ariaLabels={{ tableLabel: "The customer's orders" }}
      empty={<Empty title="No orders">No order was placed under this customer's id.</Empty>}
      columnDefinitions={[
        {
          id: "id",
          header: "Order",
          cell: ({ id: order }) => <PageLink to={`/orders/${order}`}>{order}</PageLink>,
          isRowHeader: true,
        },
        {
          id: "status",
          header: "Status",
          cell: ({ status }) => (
            <StatusIndicator type={ORDER_STATUS[status].type}>{ORDER_STATUS[status].text}</StatusIndicator>
          ),
        },
        { id: "total", header: "Total", cell: ({ total }) => formatMoney(total) },
        { id: "created", header: "Placed", cell: ({ created_at: at }) => <Time at={at} /> },
      ]}
      footer={
        (hasNextPage || error !== null) && (
          <Box textAlign="center">
            {error !== null && <Failed title="Could not load more orders" error={error} />}
            <Button loading={isFetching} onClick={() => void fetchNextPage()}>
              Load more
            </Button>
          </Box>
        )
      }
    />
  );
}
