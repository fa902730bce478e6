/** The recorded actions of operators on an order's dead letters. */

import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { formatNumber } from "../shared/format";
import { Empty, Queried, Time } from "../shared/states";
import { type Action, useActions } from "./queries";
import { sentence } from "./status";

const OUTCOMES: Readonly<Record<Action["details"]["outcome"], { type: StatusIndicatorProps.Type; text: string }>> = {
  begun: { type: "in-progress", text: "Begun" },
  done: { type: "success", text: "Done" },
  failed: { type: "error", text: "Failed" },
};

export function Recorded({ id }: { id: string }): ReactNode {
  const query = useActions(id);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="What operators did with the order's dead letters. The timeline shows the rest."
        >
          Recorded actions
        </Header>
      }
    >
      <Queried query={query} what="the recorded actions">
        {(actions) =>
          actions.length === 0 ? (
            <Empty title="No recorded actions">None of the latest 100 actions was for this order.</Empty>
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
                { id: "messages", header: "Messages", cell: ({ details }) => formatNumber(details.messages) },
                { id: "who", header: "Operator", cell: ({ who }) => who },
                {
                  id: "outcome",
                  header: "Outcome",
                  cell: ({ details: { outcome, problem, left } }) => (
                    <StatusIndicator type={OUTCOMES[outcome].type}>
                      {OUTCOMES[outcome].text}
                      {problem !== null && `: ${problem}`}
                      {left > 0 && ` (${left} left or came back)`}
                    </StatusIndicator>
                  ),
                },
              ]}
            />
          )
        }
      </Queried>
    </Container>
  );
}
