import type { PropertyFilterProps } from "@cloudscape-design/components/property-filter";
import { expect, test } from "vitest";
import { matches } from "./filter";
import type { Arrival } from "./tail";

const PLACED: Arrival = {
  kind: "event",
  id: "1",
  type: "OrderPlaced",
  source: "orders",
  subject: "3f0b0b0a-8f2e",
  time: "2026-01-01T12:00:00.000Z",
  arrived: 0,
};

type Token = PropertyFilterProps.Token;

const TYPE: Token = { propertyKey: "type", operator: "=", value: "OrderPlaced" };
const SOURCE: Token = { propertyKey: "source", operator: "=", value: "payment" };

test.each<[Token, boolean]>([
  [TYPE, true],
  [SOURCE, false],
  [{ ...SOURCE, operator: "!=" }, true],
  [{ ...TYPE, operator: "!=" }, false],
  [{ propertyKey: "subject", operator: ":", value: "3F0B" }, true],
  [{ propertyKey: "subject", operator: "=", value: "3f0b" }, false],
  [{ operator: ":", value: "placed" }, true],
  [{ operator: "!:", value: "placed" }, false],
  [{ operator: ":", value: "refund" }, false],
])("a filter passes the events that it names: %o", (token, passes) => {
  expect(matches(PLACED, { tokens: [token], operation: "and" })).toBe(passes);
});

test("all filters must pass, or one of them", () => {
  expect(matches(PLACED, { tokens: [TYPE, SOURCE], operation: "and" })).toBe(false);
  expect(matches(PLACED, { tokens: [TYPE, SOURCE], operation: "or" })).toBe(true);
  expect(matches(PLACED, { tokens: [], operation: "or" })).toBe(true);
});
