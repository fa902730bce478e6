import { expect, test } from "vitest";
import { services } from "../../generated/catalogue";
import type { EventSchema } from "../../generated/schemas";
import { contracts, searchContracts } from "./contracts";
import { fieldsOf, formatType, meaningOf } from "./fields";

const SCHEMA: EventSchema = {
  data: { $ref: "#/$defs/Placed" },
  personal: { $ref: "#/$defs/Recipient" },
  definitions: {
    Placed: {
      title: "Placed",
      description: "Something\nwas placed.\n\nAttributes:\n    lines: What was\n        ordered.\n    note: A note.",
      type: "object",
      properties: {
        lines: { type: "array", items: { $ref: "#/$defs/Line" }, minItems: 1, maxItems: 48 },
        note: { anyOf: [{ type: "string", maxLength: 10 }, { type: "null" }] },
      },
      required: ["lines"],
    },
    Line: {
      title: "Line",
      type: "object",
      properties: { sku: { type: "string", minLength: 1, maxLength: 64 }, quantity: { type: "integer", minimum: 1 } },
      required: ["sku", "quantity"],
    },
    Recipient: {
      title: "Recipient",
      type: "object",
      properties: { email: { type: "string", format: "email" } },
      required: ["email"],
    },
  },
};

test("the fields of lists and of definitions have paths, and those of personal data are marked", () => {
  expect(fieldsOf(SCHEMA)).toEqual([
    {
      path: "lines[]",
      type: "list of 1 to 48 Line",
      required: true,
      personal: false,
      description: "What was ordered.",
    },
    { path: "lines[].sku", type: "text of 1 to 64 characters", required: true, personal: false, description: "" },
    { path: "lines[].quantity", type: "integer, at least 1", required: true, personal: false, description: "" },
    {
      path: "note",
      type: "text of at most 10 characters or null",
      required: false,
      personal: false,
      description: "A note.",
    },
    { path: "email", type: "email", required: true, personal: true, description: "" },
  ]);
});

test("an event's meaning does not list its attributes", () => {
  expect(meaningOf(SCHEMA)).toBe("Something was placed.");
});

test.each([
  [{ enum: ["customer", "operator"] }, "customer or operator"],
  [{ type: "string", examples: ["AED", "AFN"] }, "such as AED, AFN"],
  [{ const: "orders" }, "orders"],
  [{ enum: ["", "a"] }, '"" or a'],
  [{ type: "integer", minimum: 0, maximum: 1_000_000 }, "integer, 0 to 1,000,000"],
  [{ type: "boolean" }, "boolean"],
  [{}, "any"],
])("the type of %j is %s", (schema, text) => {
  expect(formatType(schema, {})).toBe(text);
});

test("a reference to nothing is an error", () => {
  expect(() => formatType({ $ref: "#/$defs/Missing" }, {})).toThrow("no definition #/$defs/Missing");
});

test("each event is announced by a service, has fields, and says what it means", () => {
  for (const { type, announcedBy, fields, meaning } of contracts) {
    expect([type, announcedBy.length, meaning.length > 10]).toEqual([type, 1, true]);
    expect(fields.every(({ type: text }) => text !== "any")).toBe(true);
  }
  const announced = services.flatMap(({ announces }) => announces);
  expect(contracts.map(({ type }) => type).toSorted()).toEqual(announced.toSorted());
});

test("an order's address is marked as personal data, and its lines are not", () => {
  const placed = contracts.find(({ type }) => type === "OrderPlaced");
  const personal = new Map(placed?.fields.map((field) => [field.path, field.personal]));
  expect([personal.get("address.city"), personal.get("email"), personal.get("lines[].sku")]).toEqual([
    true,
    true,
    false,
  ]);
});

test("all words of a search must occur, in names, services or fields", () => {
  const found = (search: string) => searchContracts(contracts, search).map(({ type }) => type);
  expect(found("stock reject")).toEqual(["StockRejected"]);
  expect(found("address.city")).toEqual(["OrderConfirmed", "OrderPlaced"]);
  expect(found("loyalty orderconfirmed")).toEqual(["OrderConfirmed"]);
  expect(found("")).toHaveLength(contracts.length);
  expect(found("nothing-has-this")).toEqual([]);
});
