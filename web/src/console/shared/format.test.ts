import { expect, test } from "vitest";
import { formatDay, formatDuration, formatExact, formatRelative } from "./format";

const NOW = Date.parse("2026-03-01T12:00:00Z");

test.each([
  ["2026-03-01T11:59:55Z", "now"],
  ["2026-03-01T12:00:05Z", "now"],
  ["2026-03-01T11:59:30Z", "30 seconds ago"],
  ["2026-03-01T11:58:01Z", "1 minute ago"],
  ["2026-03-01T09:00:00Z", "3 hours ago"],
  ["2026-02-28T12:00:00Z", "yesterday"],
  ["2026-03-01T12:30:00Z", "in 30 minutes"],
])("a time is relative to now by its largest unit, rounded down: %s", (at, text) => {
  expect(formatRelative(at, NOW, "en")).toBe(text);
});

test("an exact time names its zone", () => {
  expect(formatExact("2026-03-01T12:00:00Z", "en", "Europe/Berlin")).toBe("Mar 1, 2026, 1:00:00 PM GMT+1");
});

test("a day is the same in each time zone", () => {
  expect(formatDay("2026-01-31", "en")).toBe("Jan 31, 2026");
});

test.each([
  [0, "0 sec"],
  [0.25, "0.3 sec"],
  [45, "45 sec"],
  [200, "3 min 20 sec"],
  [3600, "1 hr"],
  [90_000, "1 day 1 hr"],
])("a duration of %d seconds has at most two units", (seconds, text) => {
  expect(formatDuration(seconds, "en")).toBe(text);
});
