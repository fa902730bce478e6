/** The orders of which an event has arrived since the console was opened. */

import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { useTail } from "../live/events";
import { seenOrders } from "../live/tail";
import { formatNumber } from "../shared/format";
import { Empty, PageLink, Time } from "../shared/states";

const MOST = 20;

export function RecentOrders(): ReactNode {
  const orders = seenOrders(useTail(), MOST);
  return (
    <Table
      items={orders}
      trackBy="id"
      header={
        <Header
          variant="h2"
          counter={`(${orders.length})`}
          description="Orders of which an event arrived while the console was open."
        >
          Recent orders
        </Header>
      }
      ariaLabels={{ tableLabel: "Recent orders" }}
      empty={<Empty title="No orders yet">Orders appear here as their events arrive.</Empty>}
      columnDefinitions={[
        {
          id: "id",
          header: "Order",
          cell: ({ id }) => <PageLink to={`/orders/${encodeURIComponent(id)}`}>{id}</PageLink>,
          isRowHeader: true,
        },
        { id: "latest", header: "Latest event", cell: ({ latest }) => latest.type },
        { id: "events", header: "Events", cell: ({ events }) => formatNumber(events) },
        { id: "time", header: "Time", cell: ({ latest }) => <Time at={latest.time} /> },
      ]}
    />
  );
}
