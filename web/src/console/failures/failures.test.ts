import { expect, test } from "vitest";
import {
  countReasons,
  type DeadLetter,
  filterDeadLetters,
  formatBody,
  formatDetails,
  idsByService,
  redriveRefusal,
} from "./failures";

const LETTER: DeadLetter = {
  id: "a",
  service: "payment",
  kind: "dlq",
  event: "orders/1/1",
  order: "1",
  type: "OrderPlaced",
  reason: "gave-up",
  sent_at: "2026-03-01T12:00:00.000Z",
  receives: 3,
};
const UNDELIVERED: DeadLetter = { ...LETTER, id: "b", kind: "undelivered", reason: "undelivered", order: "2" };
const EARLIER: DeadLetter = { ...LETTER, id: "c", service: "fraud", sent_at: "2026-03-01T11:00:00.000Z" };
const ALL = [LETTER, UNDELIVERED, EARLIER];
const EVERY = { service: "", kind: "", reason: "", order: "" };

test.each([
  [{}, ["c", "a", "b"]],
  [{ service: "payment" }, ["a", "b"]],
  [{ kind: "undelivered" }, ["b"]],
  [{ reason: "gave-up" }, ["c", "a"]],
  [{ order: " 2 " }, ["b"]],
  [{ service: "fraud", order: "2" }, []],
])("a filter %j selects by all of its conditions, the oldest first", (filter, ids) => {
  expect(filterDeadLetters(ALL, { ...EVERY, ...filter }).map(({ id }) => id)).toEqual(ids);
});

test("the most frequent reason is the first", () => {
  expect(countReasons([UNDELIVERED, LETTER, EARLIER])).toEqual([
    ["gave-up", 2],
    ["undelivered", 1],
  ]);
});

test("each service has its own request", () => {
  expect([...idsByService(ALL)]).toEqual([
    ["payment", ["a", "b"]],
    ["fraud", ["c"]],
  ]);
});

test("a relay's dead letters cannot be redriven", () => {
  expect(redriveRefusal(ALL)).toBeNull();
  expect(redriveRefusal([LETTER, { ...LETTER, kind: "relay" }])).toContain("tidings relay");
});

test("a body that is no JSON is shown as it is", () => {
  expect(formatBody('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(formatBody("{broken")).toBe("{broken");
});

test("an action's details are read without JSON's marks", () => {
  expect(formatDetails({ dry_run: false, reason: "gave-up", order: null, ids: ["a"] })).toBe(
    'dry run: false, reason: gave-up, ids: ["a"]',
  );
  expect(formatDetails(null)).toBe("");
  expect(formatDetails("3 sent")).toBe("3 sent");
});
