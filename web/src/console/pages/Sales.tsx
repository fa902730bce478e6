/** Sales: by day and by product, from the placed order to the confirmed one, and why orders were cancelled. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import DateRangePicker from "@cloudscape-design/components/date-range-picker";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "wouter";
import { answer } from "../../shared/api";
import { formatMoney } from "../../shared/money";
import { usePage } from "../../shared/page";
import { ByDay } from "../sales/ByDay";
import { ByProduct } from "../sales/ByProduct";
import { Cancellations, Funnel } from "../sales/Funnel";
import {
  countCancelled,
  currenciesOf,
  type Currency,
  type DayRange,
  formatShare,
  lastDays,
  refuseRange,
  revenueIn,
  type Sales as SalesView,
  today,
  totalOf,
} from "../sales/sales";
import { formatDay, formatNumber } from "../shared/format";
import { Empty, fieldError, Page, Queried } from "../shared/states";

const LAST = [7, 30, 90].map((amount) => ({ key: `${amount}`, amount, unit: "day", type: "relative" }) as const);

export default function Sales(): ReactNode {
  const { api } = usePage();
  const [search, setSearch] = useSearchParams();
  const [present] = useState(today);
  const [from, to] = [search.get("from"), search.get("to")];
  const range = from !== null && to !== null ? { from, to } : lastDays(Number(search.get("days") ?? 30) || 30, present);
  const query = useQuery({
    queryKey: ["sales", range.from, range.to],
    queryFn: () => answer(api.GET("/operators/sales", { params: { query: range } })),
  });
  return (
    <Page
      title="Sales"
      description={query.data && `Days of the shop's time zone, ${query.data.time_zone}.`}
      actions={
        <Range
          range={range}
          relative={from === null ? (search.get("days") ?? "30") : null}
          error={fieldError(query.error, "from", "to")}
          onChange={(changed) => {
            setSearch(changed, { replace: true });
          }}
        />
      }
    >
      <Queried query={query} what="the sales">
        {(sales) => <Report sales={sales} />}
      </Queried>
    </Page>
  );
}

function Range({
  range,
  relative,
  error,
  onChange,
}: {
  range: DayRange;
  /** The number of days, if the range ends today. */
  relative: string | null;
  error: string | undefined;
  onChange: (search: Record<string, string>) => void;
}): ReactNode {
  return (
    <FormField errorText={error}>
      <DateRangePicker
        dateOnly
        granularity="day"
        absoluteFormat="long-localized"
        showClearButton={false}
        ariaLabel="Days"
        placeholder="Choose days"
        relativeOptions={LAST}
        customRelativeRangeUnits={["day"]}
        value={
          LAST.find(({ key }) => key === relative) ??
          (relative === null
            ? { type: "absolute", startDate: range.from, endDate: range.to }
            : { type: "relative", amount: Number(relative), unit: "day" })
        }
        isValidRange={(value) => {
          if (value === null) return { valid: false, errorMessage: "Choose the first and the last day." };
          const chosen =
            value.type === "absolute" ? { from: value.startDate, to: value.endDate } : lastDays(value.amount, range.to);
          if (value.type === "absolute" && (value.startDate === "" || value.endDate === ""))
            return { valid: false, errorMessage: "Choose the first and the last day." };
          const refusal = refuseRange(chosen);
          return refusal === null ? { valid: true } : { valid: false, errorMessage: refusal };
        }}
        onChange={({ detail: { value } }) => {
          if (value === null) return;
          onChange(
            value.type === "absolute" ? { from: value.startDate, to: value.endDate } : { days: `${value.amount}` },
          );
        }}
        i18nStrings={{
          formatRelativeRange: ({ amount }) => `Last ${formatNumber(amount)} ${amount === 1 ? "day" : "days"}`,
          modeSelectionLabel: "Days",
          relativeModeTitle: "Last days",
          absoluteModeTitle: "From day to day",
          applyButtonLabel: "Apply",
          cancelButtonLabel: "Cancel",
        }}
      />
    </FormField>
  );
}

function Report({ sales }: { sales: SalesView }): ReactNode {
  const currencies = currenciesOf(sales);
  const [chosen, setChosen] = useState<Currency | null>(null);
  const currency = currencies.find((code) => code === chosen) ?? currencies[0] ?? "EUR";
  const total = totalOf(sales);
  const cancelled = countCancelled(total);
  const isEmpty = total.placed === 0 && total.confirmed === 0 && cancelled === 0;
  return (
    <SpaceBetween size="l">
      {sales.rebuilding && (
        <Alert type="warning" header="The figures are being rebuilt">
          They are not complete yet.
        </Alert>
      )}
      {isEmpty ? (
        <Container>
          <Empty title="No sales in these days">
            No order was placed, confirmed or cancelled from {formatDay(sales.from)} to {formatDay(sales.to)}.
          </Empty>
        </Container>
      ) : (
        <SpaceBetween size="l">
          <Container
            header={
              <Header
                variant="h2"
                actions={
                  currencies.length > 1 && (
                    <SegmentedControl
                      label="Currency"
                      selectedId={currency}
                      options={currencies.map((code) => ({ id: code, text: code }))}
                      onChange={({ detail }) => {
                        setChosen(currencies.find((code) => code === detail.selectedId) ?? null);
                      }}
                    />
                  )
                }
              >
                {formatDay(sales.from)} – {formatDay(sales.to)}
              </Header>
            }
          >
            <KeyValuePairs
              columns={4}
              items={[
                figure(
                  "Revenue",
                  formatMoney({ amount: revenueIn(total, currency), currency }),
                  `${formatNumber(total.units)} units`,
                ),
                figure("Orders placed", formatNumber(total.placed)),
                figure(
                  "Confirmed",
                  formatNumber(total.confirmed),
                  `${formatShare(total.confirmed, total.placed)} of placed`,
                ),
                figure("Cancelled", formatNumber(cancelled), `${formatShare(cancelled, total.placed)} of placed`),
              ]}
            />
          </Container>
          <ByDay sales={sales} currency={currency} />
          <Grid gridDefinition={[{ colspan: { default: 12, s: 6 } }, { colspan: { default: 12, s: 6 } }]}>
            <Funnel total={total} />
            <Cancellations total={total} />
          </Grid>
          <ByProduct sales={sales} currency={currency} />
        </SpaceBetween>
      )}
    </SpaceBetween>
  );
}

function figure(label: string, value: string, note?: string): { label: string; value: ReactNode } {
  return {
    label,
    value: (
      <Box fontSize="heading-xl" fontWeight="bold">
        {value}{" "}
        {note !== undefined && (
          <Box variant="span" fontSize="body-m" fontWeight="normal" color="text-body-secondary">
            {note}
          </Box>
        )}
      </Box>
    ),
  };
}
