/** Rates of events, as a reader of the page's language writes them. */

/** Returns a rate as text: `0.4/s`. */
export function formatRate(rate: number, language?: string): string {
  const digits = rate < 10 ? 1 : 0;
  const format = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${format.format(rate)}/s`;
}
