/** Numbers and times, as a reader of the page's language writes them. */

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const satisfies readonly (readonly [Intl.RelativeTimeFormatUnit, number])[];

/** Returns how long ago, or in how long, a time is: `5 minutes ago`. */
export function formatRelative(at: string, now: number, language?: string): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  // The clock of this computer may differ from the server's by some seconds.
  if (Math.abs(seconds) < 10) return format.format(0, "second");
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return format.format(Math.trunc(seconds / size), unit);
}

/** Returns a time with its date and zone. */
export function formatExact(at: string, language?: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long", timeZone }).format(new Date(at));
}

/** Returns a day such as `2026-01-31` as text, whatever the time zone of this computer is. */
export function formatDay(day: string, language?: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(day));
}

/** Returns a duration by its one or two largest units: `3 min 20 sec`. */
export function formatDuration(seconds: number, language?: string): string {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return format(seconds < 0 ? 0 : seconds, "second");
  const [[unit, size], next] = [UNITS[first] ?? UNITS[3], UNITS[first + 1]];
  const count = Math.floor(seconds / size);
  const rest = next === undefined ? 0 : Math.floor((seconds - count * size) / next[1]);
  return next === undefined || rest === 0 ? format(count, unit) : `${format(count, unit)} ${format(rest, next[0])}`;

  function format(value: number, unit: (typeof UNITS)[number][0]): string {
    return new Intl.NumberFormat(language, {
      style: "unit",
      unit,
      unitDisplay: "short",
      maximumFractionDigits: value < 1 ? 1 : 0,
    }).format(value);
  }
}

/** Returns a number as text. */
export function formatNumber(value: number, language?: string): string {
  return new Intl.NumberFormat(language).format(value);
}
