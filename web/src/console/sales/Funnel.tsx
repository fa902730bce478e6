/** How far orders came, and why they were cancelled. */

import BarChart from "@cloudscape-design/components/bar-chart";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import type { ReactNode } from "react";
import { formatNumber } from "../shared/format";
import { Empty } from "../shared/states";
import { cancellations, countCancelled, type Figures, formatReason, formatShare } from "./sales";

/** Shows how many of the placed orders were confirmed and cancelled. */
export function Funnel({ total }: { total: Figures }): ReactNode {
  const cancelled = countCancelled(total);
  const steps = [
    { label: "Placed", count: total.placed },
    { label: "Confirmed", count: total.confirmed },
    { label: "Cancelled", count: cancelled },
  ];
  const largest = Math.max(...steps.map(({ count }) => count));
  return (
    <Container
      fitHeight
      header={
        <Header
          variant="h2"
          description="Each order counts on the day that it happened: one placed before these days may be confirmed in them."
        >
          From placed to confirmed
        </Header>
      }
    >
      <SpaceBetween size="m">
        {steps.map(({ label, count }) => (
          <ProgressBar
            key={label}
            label={label}
            value={(count / largest) * 100}
            description={
              label === "Placed"
                ? `${formatNumber(count)} orders`
                : `${formatNumber(count)} orders, ${formatShare(count, total.placed)} of placed`
            }
          />
        ))}
      </SpaceBetween>
    </Container>
  );
}

/** Shows why orders were cancelled. */
export function Cancellations({ total }: { total: Figures }): ReactNode {
  const reasons = cancellations(total);
  const sum = countCancelled(total);
  return (
    <Container fitHeight header={<Header variant="h2">Cancellations by reason</Header>}>
      {reasons.length === 0 ? (
        <Empty title="No cancellations">No order was cancelled in these days.</Empty>
      ) : (
        <SpaceBetween size="s">
          <BarChart
            ariaLabel="Cancelled orders by reason"
            horizontalBars
            hideFilter
            hideLegend
            height={Math.max(80, reasons.length * 32)}
            xScaleType="categorical"
            xDomain={reasons.map(([reason]) => formatReason(reason))}
            yDomain={[0, Math.max(...reasons.map(([, count]) => count))]}
            yTitle="Orders"
            series={[
              {
                title: "Orders",
                type: "bar",
                data: reasons.map(([reason, count]) => ({ x: formatReason(reason), y: count })),
                valueFormatter: (count) => formatNumber(count),
              },
            ]}
            yTickFormatter={(count) => (Number.isInteger(count) ? formatNumber(count) : "")}
          />
          <ExpandableSection headerText="As a table">
            <Table
              variant="embedded"
              ariaLabels={{ tableLabel: "Cancellations by reason" }}
              items={reasons}
              columnDefinitions={[
                { id: "reason", header: "Reason", cell: ([reason]) => formatReason(reason), isRowHeader: true },
                { id: "orders", header: "Orders", cell: ([, count]) => formatNumber(count) },
                {
                  id: "share",
                  header: "Share",
                  cell: ([, count]) => formatShare(count, sum),
                },
              ]}
            />
          </ExpandableSection>
        </SpaceBetween>
      )}
    </Container>
  );
}
