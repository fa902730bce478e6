/** Amounts of money, as a reader of the page's language writes them. */

import type { components } from "../generated/api";

export type Money = components["schemas"]["Money"];

/** Returns an amount, which the API gives in minor units, as text: `€12.50`. */
export function formatMoney({ amount, currency }: Money, language?: string): string {
  const format = new Intl.NumberFormat(language, { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 0;
  return format.format(amount / 10 ** digits);
}

/** Returns the sum of amounts. All have the currency of the first. */
export function sum(amounts: readonly [Money, ...Money[]]): Money {
  return { amount: amounts.reduce((total, { amount }) => total + amount, 0), currency: amounts[0].currency };
}

/** Returns an amount several times. */
export function times({ amount, currency }: Money, quantity: number): Money {
  return { amount: amount * quantity, currency };
}
