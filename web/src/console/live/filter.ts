/** The filters of the latest events. */

import type { PropertyFilterProps } from "@cloudscape-design/components/property-filter";
import type { Arrival } from "./tail";

const FIELDS = ["type", "source", "subject"] as const;

/** Returns true if an event passes the filters. Text without a property is searched in all. */
export function matches(arrival: Arrival, { tokens, operation }: PropertyFilterProps.Query): boolean {
  const passes = ({ propertyKey, operator, value }: PropertyFilterProps.Token) => {
    const fields = FIELDS.filter((field) => propertyKey === undefined || field === propertyKey);
    const contains = typeof value !== "string" || fields.some((field) => compare(arrival[field], operator, value));
    return operator.startsWith("!") ? !contains : contains;
  };
  if (tokens.length === 0) return true;
  return operation === "and" ? tokens.every(passes) : tokens.some(passes);
}

/** Compares without the negation of an operator. */
function compare(text: string, operator: string, value: string): boolean {
  const [one, other] = [text.toLowerCase(), value.toLowerCase()];
  return operator.endsWith("=") ? one === other : one.includes(other);
}
