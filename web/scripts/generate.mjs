/**
 * Generates `src/generated` from `docs/contracts`: the types of the API and of the events, the limits of orders, the
 * catalogue of services and events, and the schemas of the events.
 */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";
import openapiTS, { astToString } from "openapi-typescript";
import { schemaModule } from "./schemas.mjs";

const contracts = new URL("../../docs/contracts/", import.meta.url);
const generated = new URL("../src/generated/", import.meta.url);
const HEADER = "// Generated from docs/contracts by `npm run generate`. Do not edit.\n\n";

const OPTIONS = { bannerComment: "", format: false, unknownAny: true };

const asyncapi = await json("asyncapi.json");
const openapi = await json("openapi.json");
await mkdir(generated, { recursive: true });
await Promise.all([writeApi(), writeLimits(), writeEvents(), writeCatalogue(), writeSchemas()]);

/** Writes the types of the requests and answers of the API. */
async function writeApi() {
  // Answers leave out members that have their default.
  const document = await openapiTS(new URL("openapi.json", contracts), { defaultNonNullable: false });
  await write("api.d.ts", astToString(document));
}

/** Writes what an order may contain, which types cannot say. */
async function writeLimits() {
  const { OrderRequest, LineRequest, AddressRequest } = (await json("openapi.json")).components.schemas;
  const limits = {
    MAX_LINES: OrderRequest.properties.lines.maxItems,
    MAX_QUANTITY: LineRequest.properties.quantity.maximum,
    SKU: LineRequest.properties.sku.pattern,
    MAX_LENGTHS: Object.fromEntries(
      Object.entries(AddressRequest.properties).map(([name, { maxLength = 2 }]) => [name, maxLength]),
    ),
    COUNTRIES: AddressRequest.properties.country.enum,
  };
  const lines = Object.entries(limits).map(
    ([name, value]) => `export const ${name} = ${JSON.stringify(value)} as const;`,
  );
  await write("limits.ts", lines.join("\n") + "\n");
}

/** Writes the types of the events, and the data of each by its name. */
async function writeEvents() {
  const schemas = await Promise.all(messages().map(async ({ name, payload }) => [name, await json(payload.$ref)]));
  const types = await Promise.all(schemas.map(([name, schema]) => compile(named(schema, name), name, OPTIONS)));
  // Schemas of different events have definitions with the same names, so each event has a namespace.
  const namespaces = schemas.map(([name], index) => `export namespace ${name}Event {\n${types[index]}}\n`);
  const data = schemas.map(([name]) => `  ${name}: ${name}Event.${name}["data"];\n`);
  await write("events.d.ts", `${namespaces.join("\n")}\nexport interface EventData {\n${data.join("")}}\n`);
}

/** Writes which service announces and handles which events, with their summaries. */
async function writeCatalogue() {
  const services = new Map();
  const service = (operation) => {
    const name = operation.split(".")[0];
    if (!services.has(name)) services.set(name, { name, summary: "", commands: false, announces: [], handles: [] });
    return services.get(name);
  };
  for (const [operation, { action, summary, messages: carried }] of Object.entries(asyncapi.operations)) {
    const entry = service(operation);
    entry.summary ||= summary.slice(summary.indexOf(": ") + 2);
    entry[action === "send" ? "announces" : "handles"] = carried.map(({ $ref }) => $ref.split("/").at(-1)).sort();
  }
  for (const path of Object.values(openapi.paths)) {
    for (const [method, { tags }] of Object.entries(path)) {
      if (method !== "get" && services.has(tags?.[0])) services.get(tags[0]).commands = true;
    }
  }
  const events = messages().map(({ name, summary, payload }) => ({ name, summary, schema: payload.$ref }));
  const catalogue = { services: [...services.values()].sort(byName), events: events.sort(byName) };
  const type = `export type EventType = ${events.map(({ name }) => JSON.stringify(name)).join(" | ")};

export interface CatalogueService {
  readonly name: string;
  readonly summary: string;
  /** Whether the service takes commands over the API. */
  readonly commands: boolean;
  readonly announces: readonly EventType[];
  readonly handles: readonly EventType[];
}

export interface CatalogueEvent {
  readonly name: EventType;
  readonly summary: string;
  readonly schema: string;
}
`;
  await write(
    "catalogue.ts",
    `${type}
export const services: readonly CatalogueService[] = ${JSON.stringify(catalogue.services, null, 2)};

export const events: readonly CatalogueEvent[] = ${JSON.stringify(catalogue.events, null, 2)};
`,
  );
}

/** Writes the schemas of the events, for people to read. */
async function writeSchemas() {
  await write("schemas.ts", await schemaModule(messages(), json));
}

function messages() {
  return Object.values(asyncapi.components.messages);
}

function byName(one, other) {
  return one.name < other.name ? -1 : 1;
}

async function json(path) {
  return JSON.parse(await readFile(new URL(path, contracts), "utf8"));
}

async function write(name, text) {
  await writeFile(new URL(name, generated), HEADER + text);
}

/** Returns a schema whose title is the name of its type. */
function named(schema, name) {
  return { ...schema, title: name };
}
