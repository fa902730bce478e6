/** Amounts that a person types. */

/** Returns what a person typed, such as `12.50`, in a currency's minor units; null if it is no such amount. */
export function parseAmount(text: string, currency: string): number | null {
  const digits = decimals(currency);
  const match = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim());
  const [, whole = "", fraction = ""] = match ?? [];
  if (match === null || fraction.length > digits) return null;
  return Number(whole + fraction.padEnd(digits, "0"));
}

/** Returns an amount in minor units as a person would type it: `12.50`. */
export function typedAmount(amount: number, currency: string): string {
  const digits = decimals(currency);
  const text = String(amount).padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

function decimals(currency: string): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 0;
}
