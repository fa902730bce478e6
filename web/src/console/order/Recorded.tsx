/** The recorded actions of operators on an order's dead letters. */

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import Table from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { Outcome } from "../failures/Outcome";
import { formatNumber } from "../shared/format";
import { Operator } from "../shared/Operator";
import { Empty, Queried, Time } from "../shared/states";
import { type Action, MOST_ACTIONS, useActions } from "./queries";
import { sentence } from "./status";

export function Recorded({ id }: { id: string }): ReactNode {
  const query = useActions(id);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Redrives and drops of messages about this order. The timeline shows cancellation, dispatch and refunds."
        >
          Recorded actions
        </Header>
      }
    >
      <Queried query={query} what="the recorded actions">
        {({ items: actions, complete }) =>
          actions.length === 0 ? (
            <Empty title="No recorded actions">
              {complete
                ? "No operator has redriven or dropped a message about this order."
                : `None of the latest ${formatNumber(MOST_ACTIONS)} actions concerned this order.`}
            </Empty>
          ) : (
            <Table
              variant="embedded"
              items={actions}
              trackBy="id"
              wrapLines
              ariaLabels={{ tableLabel: "Recorded actions" }}
              columnDefinitions={[
                { id: "time", header: "Time", cell: ({ time }) => <Time at={time} />, isRowHeader: true },
                { id: "action", header: "Action", cell: ({ action }) => sentence(action) },
                { id: "service", header: "Service", cell: ({ service }) => service },
                { id: "messages", header: "Messages", cell: (action) => messagesOf(action) },
                { id: "who", header: "Operator", cell: ({ who }) => <Operator id={who} /> },
                {
                  id: "outcome",
                  header: "Outcome",
                  cell: ({ details }) => <Outcome details={details} />,
                },
              ]}
            />
          )
        }
      </Queried>
    </Container>
  );
}

/** Returns the number of an action's messages, and of the other orders that they were about. */
function messagesOf({ details, orders, more_orders: more }: Action): string {
  const others = orders.length + more - 1;
  const about = others > 0 ? `, of this and ${formatNumber(others)} other ${others === 1 ? "order" : "orders"}` : "";
  return `${formatNumber(details.messages)}${about}`;
}
