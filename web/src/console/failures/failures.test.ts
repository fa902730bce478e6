import { expect, test } from "vitest";
import {
  countReasons,
  type DeadLetter,
  failingAgain,
  formatBody,
  formatReasons,
  formatRemedy,
  redriveRefusal,
  selectByQueue,
} from "./failures";

const LETTER: DeadLetter = {
  id: "a",
  service: "payment",
  kind: "dlq",
  event: "orders/1/1",
  order: "1",
  type: "OrderPlaced",
  reason: "gave-up",
  detail: "the gateway did not answer",
  sent_at: "2026-03-01T12:00:00.000Z",
  receives: 3,
  remedy: { action: "redrive", first: "" },
  since: null,
};
const UNDECODABLE: DeadLetter = { ...LETTER, id: "b", reason: "undecodable", remedy: { action: "drop", first: "" } };
const UNKNOWN: DeadLetter = {
  ...LETTER,
  id: "c",
  service: "fraud",
  reason: "unknown-type",
  remedy: { action: "redrive", first: "deploy a version of the service that knows the event" },
};
const BATCH: DeadLetter = { ...LETTER, id: "d", kind: "relay", remedy: null, since: "2026-03-01T11:00:00.000Z" };

test("the most frequent reason is the first", () => {
  expect(formatReasons(countReasons([UNDECODABLE, LETTER, BATCH]))).toBe("gave-up 2, undecodable 1");
});

test("each queue has its own request", () => {
  expect(selectByQueue([LETTER, UNKNOWN, UNDECODABLE, BATCH])).toEqual([
    { service: "payment", kind: "dlq", ids: ["a", "b"] },
    { service: "fraud", kind: "dlq", ids: ["c"] },
    { service: "payment", kind: "relay", ids: ["d"] },
  ]);
});

test.each([
  [LETTER, "Redrive it."],
  [UNDECODABLE, "Drop it: no service handles it."],
  [UNKNOWN, "Deploy a version of the service that knows the event, then redrive it."],
  [BATCH, "Publish its events again with tidings relay --since 2026-03-01T11:00:00.000Z, then drop it."],
  [{ remedy: null, since: null }, "Publish its events again with tidings relay, then drop it."],
])("a remedy is a sentence: %#", (letter, text) => {
  expect(formatRemedy(letter)).toBe(text);
});

test("the messages that fail again are counted by what helps them", () => {
  expect(failingAgain([LETTER, UNKNOWN, UNKNOWN, UNDECODABLE])).toEqual([
    ["Deploy a version of the service that knows the event, then redrive it.", 2],
    ["Drop it: no service handles it.", 1],
  ]);
});

test("a relay's dead letters cannot be redriven", () => {
  expect(redriveRefusal([LETTER, UNKNOWN])).toBeNull();
  expect(redriveRefusal([LETTER, BATCH])).toContain("tidings relay");
});

test("a body that is no JSON is shown as it is", () => {
  expect(formatBody('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(formatBody("{broken")).toBe("{broken");
});

test("of many and long reasons the beginning is named", () => {
  const reasons = Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`${n}${"😀".repeat(100)}`, 10 - n]));
  const text = formatReasons(reasons);
  expect(text.startsWith(`0${"😀".repeat(58)}… 10, 1`)).toBe(true);
  expect(text.endsWith(" 6, 2 other reasons")).toBe(true);
});
