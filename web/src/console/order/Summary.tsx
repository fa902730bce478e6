/** The summary of an order: its status, its total, what it waits for, and its lines. */

import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { formatMoney, times } from "../../shared/money";
import { formatNumber } from "../shared/format";
import { PageLink, Time } from "../shared/states";
import type { Order } from "./queries";
import { ORDER_STATUS, sentence } from "./status";

export function Summary({
  order,
  customer,
}: {
  order: Order;
  /** The customer's id; null if the timeline does not tell it. */
  customer: string | null;
}): ReactNode {
  const { status, total, created_at: created, waiting_for: waiting, reason, dispute, lines } = order;
  const { type, text } = ORDER_STATUS[status];
  return (
    <Container header={<Header variant="h2">Summary</Header>}>
      <SpaceBetween size="l">
        <KeyValuePairs
          columns={4}
          items={[
            { label: "Status", value: <StatusIndicator type={type}>{text}</StatusIndicator> },
            { label: "Total", value: formatMoney(total) },
            { label: "Placed", value: <Time at={created} /> },
            ...(customer === null
              ? []
              : [{ label: "Customer", value: <PageLink to={`/orders?customer=${customer}`}>{customer}</PageLink> }]),
            ...(waiting.length > 0 ? [{ label: "Waits for", value: sentence(waiting.join(", ")) }] : []),
            ...(reason == null ? [] : [{ label: "Reason", value: sentence(reason) }]),
            ...(dispute == null ? [] : [{ label: "Dispute", value: sentence(dispute) }]),
          ]}
        />
        <Table
          variant="embedded"
          items={lines}
          trackBy="sku"
          ariaLabels={{ tableLabel: "Lines of the order" }}
          columnDefinitions={[
            { id: "sku", header: "Product", cell: ({ sku }) => sku, isRowHeader: true },
            { id: "quantity", header: "Quantity", cell: ({ quantity }) => formatNumber(quantity) },
            { id: "price", header: "Price", cell: ({ price }) => formatMoney(price) },
            {
              id: "sum",
              header: "Sum",
              cell: ({ price, quantity }) => <Box variant="strong">{formatMoney(times(price, quantity))}</Box>,
            },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}
