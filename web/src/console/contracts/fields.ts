/** The fields of an event, read from its JSON schema. */

import type { EventSchema, Schema } from "../../generated/schemas";

/** A field of an event's data or personal data. */
export interface Field {
  /** Its place: `lines[].price.amount`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  /** Whether it is personal data, which an erasure removes. */
  readonly personal: boolean;
  readonly description: string;
}

/** Returns the fields of an event: those of its data, and then those of its personal data. */
export function fieldsOf({ data, personal, definitions }: EventSchema): readonly Field[] {
  return [
    ...fieldsIn(data, definitions, "", false),
    ...(personal === null ? [] : fieldsIn(personal, definitions, "", true)),
  ];
}

/** Returns what an event means: the first paragraph of its schema's description. */
export function meaningOf({ data, definitions }: EventSchema): string {
  return splitDescription(resolve(data, definitions).description).text;
}

function fieldsIn(
  schema: Schema,
  definitions: EventSchema["definitions"],
  prefix: string,
  personal: boolean,
): readonly Field[] {
  const { properties = {}, required = [], description } = resolve(schema, definitions);
  const { attributes } = splitDescription(description);
  return Object.entries(properties).flatMap(([name, property]) => {
    const inner = elementOf(property, definitions);
    const path = `${prefix}${name}${inner.isList ? "[]" : ""}`;
    const field: Field = {
      path,
      type: formatType(property, definitions),
      required: required.includes(name),
      personal,
      // The description of a definition is that of its type, which the fields within it explain.
      description: attributes.get(name) ?? property.description ?? "",
    };
    return [field, ...fieldsIn(inner.schema, definitions, `${path}.`, personal)];
  });
}

/** Returns the schema of a list's elements, or that of the value itself, without null. */
function elementOf(schema: Schema, definitions: EventSchema["definitions"]): { schema: Schema; isList: boolean } {
  const resolved = resolve(schema, definitions);
  const value = resolved.anyOf?.find(({ type }) => type !== "null");
  if (value !== undefined) return elementOf(value, definitions);
  if (resolved.items === undefined) return { schema: resolved, isList: false };
  return { schema: resolve(resolved.items, definitions), isList: true };
}

/** Returns a schema as words: `list of 1 to 48 OrderLine`, `integer from 1`, `customer or operator`. */
export function formatType(schema: Schema, definitions: EventSchema["definitions"]): string {
  const { anyOf, items, enum: values, examples, type = "any", ...rest } = resolve(schema, definitions);
  if (anyOf !== undefined) return anyOf.map((each) => formatType(each, definitions)).join(" or ");
  if (items !== undefined) {
    const range = formatRange(rest.minItems, rest.maxItems);
    return `list of ${range === "" ? "" : `${range} `}${formatType(items, definitions)}`;
  }
  if (rest.const !== undefined) return formatValue(rest.const);
  if (values !== undefined) return values.map(formatValue).join(" or ");
  if (examples !== undefined) return `such as ${examples.map(formatValue).join(", ")}`;
  if (type === "object") return rest.title ?? "object";
  if (type === "string") {
    const length = formatRange(rest.minLength, rest.maxLength);
    return `${rest.format ?? "text"}${length === "" ? "" : ` of ${length} characters`}`;
  }
  const range = formatRange(rest.minimum, rest.maximum);
  return range === "" ? type : `${type}, ${range}`;
}

function formatRange(from: number | undefined, to: number | undefined): string {
  const format = (value: number) => value.toLocaleString("en");
  if (from !== undefined && to !== undefined) return `${format(from)} to ${format(to)}`;
  if (from !== undefined) return `at least ${format(from)}`;
  return to === undefined ? "" : `at most ${format(to)}`;
}

function formatValue(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}

function resolve(schema: Schema, definitions: EventSchema["definitions"]): Schema {
  if (schema.$ref === undefined) return schema;
  const found = definitions[schema.$ref.slice("#/$defs/".length)];
  if (found === undefined) throw new Error(`the schema has no definition ${schema.$ref}`);
  return found;
}

/** Returns a description's text and what it says about the attributes, which Python's docstrings list below. */
function splitDescription(description = ""): { text: string; attributes: ReadonlyMap<string, string> } {
  const [text = "", list = ""] = description.split(/\n\nAttributes:\n/);
  const attributes = new Map(
    list
      .split(/\n(?= {4}\S)/)
      .map((entry) => /^\s*(\w+): (.*)$/s.exec(entry))
      .flatMap((match) => (match === null ? [] : [[match[1] ?? "", (match[2] ?? "").replace(/\s+/g, " ")] as const])),
  );
  return { text: text.replace(/\s*\n(?!\n)/g, " ").trim(), attributes };
}
