/** Generates `src/generated/schemas.ts` from the schemas of the events. */

/** Number of values from which a list of values, such as all currencies, is shown by examples. */
const MANY = 12;

/**
 * Returns a module with the data and the personal data of each event, as JSON schemas without what only a validator
 * needs: patterns, and long lists of values.
 *
 * @param messages The messages of the AsyncAPI document.
 * @param read Reads a schema by its path.
 */
export async function schemaModule(messages, read) {
  const entries = await Promise.all(
    messages.map(async ({ name, payload }) => {
      const { properties, $defs } = await read(payload.$ref);
      const { data, personal } = properties;
      return [name, reduce({ data, personal: personal?.contentSchema ?? null, definitions: $defs })];
    }),
  );
  return `import type { EventType } from "./catalogue";

export interface Schema {
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

export interface EventSchema {
  readonly data: Schema;
  readonly personal: Schema | null;
  readonly definitions: Readonly<Record<string, Schema>>;
}

export const schemas: Readonly<Record<EventType, EventSchema>> = ${JSON.stringify(Object.fromEntries(entries))};
`;
}

function reduce(schema) {
  if (Array.isArray(schema)) return schema.map(reduce);
  if (typeof schema !== "object" || schema === null) return schema;
  const { pattern, enum: values, ...rest } = schema;
  const kept = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, reduce(value)]));
  // A property may be called "pattern" or "enum", too.
  if (pattern !== undefined && typeof pattern !== "string") kept.pattern = reduce(pattern);
  if (values === undefined) return kept;
  if (!Array.isArray(values)) return { ...kept, enum: reduce(values) };
  return values.length > MANY ? { ...kept, type: "string", examples: values.slice(0, 3) } : { ...kept, enum: values };
}
