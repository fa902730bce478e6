/** What the page of sales computes from the figures of days. */

import type { components } from "../../generated/api";
import type { Money } from "../../shared/money";

export type Sales = components["schemas"]["Sales"];
export type Figures = components["schemas"]["Figures"];
export type Currency = Money["currency"];

/** Maximum number of days of a range. */
export const MAX_DAYS = 92;

const DAY = 86_400_000;
const NONE: Figures = { placed: 0, confirmed: 0, cancelled: {}, units: 0, revenue: [] };

/** A range of days, both included. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

/** Returns the days of a range: `2026-01-31`, `2026-02-01`. */
export function daysOf({ from, to }: DayRange): readonly string[] {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  const count = Math.max(0, Math.round((last - first) / DAY) + 1);
  return Array.from({ length: count }, (_, index) => new Date(first + index * DAY).toISOString().slice(0, 10));
}

/** Returns the range of the last days up to one. */
export function lastDays(count: number, to: string): DayRange {
  return { from: new Date(Date.parse(to) - (count - 1) * DAY).toISOString().slice(0, 10), to };
}

/** Returns the present day of this computer's time zone. */
export function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** Returns why a range cannot be asked for; null if it can. */
export function refuseRange(range: DayRange): string | null {
  const { length } = daysOf(range);
  if (length === 0) return "The last day is before the first.";
  return length > MAX_DAYS ? `A range has ${MAX_DAYS} days at most.` : null;
}

/** Returns the figures of each day of the range. The API omits days without sales. */
export function figuresByDay(sales: Sales): readonly (readonly [string, Figures])[] {
  const days = new Map(sales.days.map(({ day, total }) => [day, total]));
  return daysOf(sales).map((day) => [day, days.get(day) ?? NONE]);
}

/** Returns the figures of each product over the range, those with the most units first. */
export function figuresByProduct(sales: Sales): readonly (readonly [string, Figures])[] {
  const products = new Map<string, Figures>();
  for (const { sku, total } of sales.days.flatMap((day) => day.products))
    products.set(sku, add(products.get(sku) ?? NONE, total));
  return [...products].toSorted(
    ([sku, figures], [otherSku, other]) => other.units - figures.units || sku.localeCompare(otherSku),
  );
}

/** Returns the figures of the whole range. */
export function totalOf(sales: Sales): Figures {
  return sales.days.map(({ total }) => total).reduce(add, NONE);
}

/** Returns the number of cancelled orders. */
export function countCancelled({ cancelled }: Figures): number {
  return Object.values(cancelled).reduce((total, count) => total + count, 0);
}

/** Returns the number of cancelled orders by reason, the most frequent first. */
export function cancellations({ cancelled }: Figures): readonly (readonly [string, number])[] {
  return Object.entries(cancelled).toSorted(([, count], [, other]) => other - count);
}

/** Returns the currencies of the sales. */
export function currenciesOf(sales: Sales): readonly Currency[] {
  return totalOf(sales)
    .revenue.map(({ currency }) => currency)
    .toSorted();
}

/** Returns the revenue in a currency, in its minor units. */
export function revenueIn({ revenue }: Figures, currency: Currency): number {
  return revenue.find((money) => money.currency === currency)?.amount ?? 0;
}

/** Returns a share as text: `82 %`. Nothing of nothing is no share. */
export function formatShare(part: number, whole: number, language?: string): string {
  if (whole === 0) return "–";
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(part / whole);
}

/** Returns a reason as words: `out_of_stock` is `Out of stock`. */
export function formatReason(reason: string): string {
  return `${reason.slice(0, 1).toUpperCase()}${reason.slice(1).replaceAll("_", " ")}`;
}

function add(one: Figures, other: Figures): Figures {
  const cancelled = { ...one.cancelled };
  for (const [reason, count] of Object.entries(other.cancelled)) cancelled[reason] = (cancelled[reason] ?? 0) + count;
  const amounts = new Map(one.revenue.map(({ currency, amount }) => [currency, amount]));
  for (const { currency, amount } of other.revenue) amounts.set(currency, (amounts.get(currency) ?? 0) + amount);
  return {
    placed: one.placed + other.placed,
    confirmed: one.confirmed + other.confirmed,
    cancelled,
    units: one.units + other.units,
    revenue: [...amounts].map(([currency, amount]) => ({ currency, amount })),
  };
}
