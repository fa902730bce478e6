/** Prices as an operator types them. */

import type { Money } from "../../shared/money";

export type Currency = Money["currency"];

/** The currencies that this browser knows. The API decides which it takes. */
export function currencies(): readonly Currency[] {
  return Intl.supportedValuesOf("currency") as Currency[];
}

/** Returns the number of decimals of a currency. */
export function decimalsOf(currency: Currency): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 0;
}

/** Returns an amount as an operator types it: `12.50`. */
export function formatAmount({ amount, currency }: Money): string {
  const decimals = decimalsOf(currency);
  return (amount / 10 ** decimals).toFixed(decimals);
}

/**
 * Returns a typed amount in the currency's minor units.
 *
 * @returns null if it is no amount of this currency, such as one with too many decimals.
 */
export function parseAmount(text: string, currency: Currency): number | null {
  const decimals = decimalsOf(currency);
  const match = /^([0-9]{1,12})(?:[.,]([0-9]+))?$/.exec(text.trim());
  if (match === null) return null;
  const [, whole = "", fraction = ""] = match;
  if (fraction.length > decimals) return null;
  return Number(whole + fraction.padEnd(decimals, "0"));
}

/** Returns a typed number of units; null if it is no whole number from zero. */
export function parseUnits(text: string): number | null {
  return /^[0-9]{1,9}$/.test(text.trim()) ? Number(text) : null;
}
