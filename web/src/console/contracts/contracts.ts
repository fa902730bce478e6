/** Who announces and who handles which events. */

import { type CatalogueEvent, type EventType, events, services } from "../../generated/catalogue";
import { schemas } from "../../generated/schemas";
import { type Field, fieldsOf, meaningOf } from "./fields";

/** The contract of an event. */
export interface Contract {
  readonly type: EventType;
  readonly meaning: string;
  readonly schema: string;
  readonly announcedBy: readonly string[];
  readonly handledBy: readonly string[];
  readonly fields: readonly Field[];
}

/** The contracts of all events, by name. */
export const contracts: readonly Contract[] = events.map(({ name, schema }: CatalogueEvent) => ({
  type: name,
  meaning: meaningOf(schemas[name]),
  schema,
  announcedBy: services.filter(({ announces }) => announces.includes(name)).map((service) => service.name),
  handledBy: services.filter(({ handles }) => handles.includes(name)).map((service) => service.name),
  fields: fieldsOf(schemas[name]),
}));

/** Returns the contracts in which each of the words occurs: in a name, a meaning, a service or a field. */
export function searchContracts(all: readonly Contract[], search: string): readonly Contract[] {
  const words = search.toLowerCase().split(/\s+/);
  return all.filter(({ type, meaning, announcedBy, handledBy, fields }) => {
    const text = [type, meaning, ...announcedBy, ...handledBy, ...fields.map(({ path }) => path)]
      .join(" ")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
