/** Delays between events, as a reader of the page's language writes them. */

import { formatDuration } from "../shared/format";

/** Returns a delay in milliseconds as text: `120 ms`, `3.2 sec`, `2 days`. */
export function formatDelay(milliseconds: number, language?: string): string {
  if (milliseconds >= 60_000) return formatDuration(milliseconds / 1000, language);
  const [value, unit] = milliseconds < 1000 ? [milliseconds, "millisecond"] : [milliseconds / 1000, "second"];
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: unit === "second" ? 1 : 0,
  }).format(value);
}
