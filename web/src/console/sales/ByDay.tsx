/** The sales by day, as charts or as a table. */

import BarChart from "@cloudscape-design/components/bar-chart";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Header from "@cloudscape-design/components/header";
import LineChart from "@cloudscape-design/components/line-chart";
import Table from "@cloudscape-design/components/table";
import Tabs from "@cloudscape-design/components/tabs";
import type { ReactNode } from "react";
import { formatMoney } from "../../shared/money";
import { formatDay, formatNumber } from "../shared/format";
import { countCancelled, type Currency, type Figures, figuresByDay, revenueIn, type Sales } from "./sales";

const HEIGHT = 240;

/** Shows the sales by day. Revenue is that in one currency. */
export function ByDay({ sales, currency }: { sales: Sales; currency: Currency }): ReactNode {
  const days = figuresByDay(sales);
  return (
    <Tabs
      variant="container"
      ariaLabel="Sales by day"
      tabs={[
        {
          id: "charts",
          label: "By day",
          content: (
            <ColumnLayout columns={2}>
              <Revenue days={days} currency={currency} />
              <Orders days={days} />
            </ColumnLayout>
          ),
        },
        { id: "table", label: "By day, as a table", content: <DayTable days={days} currency={currency} /> },
      ]}
    />
  );
}

type Days = readonly (readonly [string, Figures])[];

function Revenue({ days, currency }: { days: Days; currency: Currency }): ReactNode {
  const format = (amount: number) => formatMoney({ amount, currency });
  const data = days.map(([day, figures]) => ({ x: day, y: revenueIn(figures, currency) }));
  return (
    <div>
      <Header variant="h3">Revenue</Header>
      <BarChart
        ariaLabel={`Revenue by day in ${currency}`}
        series={[{ title: "Revenue", type: "bar", data, valueFormatter: format }]}
        xScaleType="categorical"
        xDomain={days.map(([day]) => day)}
        yDomain={[0, ceiling(data)]}
        height={HEIGHT}
        hideFilter
        hideLegend
        xTitle="Day"
        yTitle={currency}
        xTickFormatter={formatShortDay}
        yTickFormatter={format}
      />
    </div>
  );
}

function Orders({ days }: { days: Days }): ReactNode {
  const series = (title: string, count: (figures: Figures) => number) => ({
    title,
    type: "line" as const,
    data: days.map(([day, figures]) => ({ x: day, y: count(figures) })),
    valueFormatter: (value: number) => formatNumber(value),
  });
  const all = [
    series("Placed", ({ placed }) => placed),
    series("Confirmed", ({ confirmed }) => confirmed),
    series("Cancelled", countCancelled),
  ];
  return (
    <div>
      <Header variant="h3">Orders</Header>
      <LineChart
        ariaLabel="Orders by day"
        series={all}
        xScaleType="categorical"
        xDomain={days.map(([day]) => day)}
        yDomain={[0, ceiling(all.flatMap(({ data }) => data))]}
        height={HEIGHT}
        hideFilter
        xTitle="Day"
        yTitle="Orders"
        xTickFormatter={formatShortDay}
        yTickFormatter={(value) => formatNumber(value)}
      />
    </div>
  );
}

function DayTable({ days, currency }: { days: Days; currency: Currency }): ReactNode {
  return (
    <Table
      variant="embedded"
      ariaLabels={{ tableLabel: "Sales by day" }}
      items={days.toReversed()}
      columnDefinitions={[
        { id: "day", header: "Day", cell: ([day]) => formatDay(day), isRowHeader: true },
        {
          id: "revenue",
          header: "Revenue",
          cell: ([, figures]) => formatMoney({ amount: revenueIn(figures, currency), currency }),
        },
        { id: "units", header: "Units", cell: ([, { units }]) => formatNumber(units) },
        { id: "placed", header: "Placed", cell: ([, { placed }]) => formatNumber(placed) },
        { id: "confirmed", header: "Confirmed", cell: ([, { confirmed }]) => formatNumber(confirmed) },
        { id: "cancelled", header: "Cancelled", cell: ([, figures]) => formatNumber(countCancelled(figures)) },
      ]}
    />
  );
}

/** Returns the end of an axis: above zero also if all values are zero. */
function ceiling(data: readonly { readonly y: number }[]): number {
  return Math.max(1, ...data.map(({ y }) => y));
}

function formatShortDay(day: string): string {
  return new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(day));
}
