/** What the page of services computes from their state. */

import type { components } from "../../generated/api";

export type ServiceView = components["schemas"]["ServiceView"];
export type Alarm = components["schemas"]["AlarmView"];
export type Mapping = components["schemas"]["MappingView"];

/** Returns whether a mapping delivers. Lambda calls its state `Enabled`, or is changing it. */
export function delivers({ state, problem }: Mapping): boolean {
  return problem === null && state === "Enabled";
}

/** Returns the number of a service's dead letters of all kinds. */
export function countDeadLetters({ dlq, undelivered, relay_dlq: relay }: ServiceView): number {
  return (dlq ?? 0) + (undelivered ?? 0) + (relay ?? 0);
}

/** Returns the alarms that are active. */
export function activeAlarms(alarms: readonly Alarm[]): readonly Alarm[] {
  return alarms.filter(({ state }) => state === "ALARM");
}

/** Returns the alarms that belong to no service, such as those of the API. */
export function alarmsOfNoService(alarms: readonly Alarm[]): readonly Alarm[] {
  return alarms.filter(({ service }) => service === null);
}

/**
 * Returns what is said about alarms that are not active: `2 alarms: 1 OK, 1 without data`. The local cloud evaluates no
 * alarms, so their state says nothing there.
 */
export function describeInactive(alarms: readonly Alarm[], isEvaluated: boolean): string {
  const total = `${alarms.length} ${alarms.length === 1 ? "alarm" : "alarms"}`;
  if (!isEvaluated) return `${total}, which the local cloud does not evaluate`;
  const ok = alarms.filter(({ state }) => state === "OK").length;
  const states = [
    ...(ok > 0 ? [`${ok} OK`] : []),
    ...(ok < alarms.length ? [`${alarms.length - ok} without data`] : []),
  ];
  return `${total}: ${states.join(", ")}`;
}

/** Returns a service's problems, each in a few words; none if it is healthy. */
export function problemsOf(service: ServiceView): readonly string[] {
  const alarms = activeAlarms(service.alarms).length;
  const letters = countDeadLetters(service);
  return [
    ...service.mappings.filter((mapping) => !delivers(mapping)).map(({ kind }) => `${kind} not delivered`),
    ...(alarms > 0 ? [`${alarms} ${alarms === 1 ? "alarm" : "alarms"}`] : []),
    ...(letters > 0 ? [`${letters} dead ${letters === 1 ? "letter" : "letters"}`] : []),
  ];
}

/** Returns services with those that have problems first, and each group by name. */
export function sortServices(services: readonly ServiceView[]): readonly ServiceView[] {
  const healthy = (service: ServiceView) => Number(problemsOf(service).length === 0);
  return services.toSorted((one, other) => healthy(one) - healthy(other) || one.name.localeCompare(other.name));
}

/** The figures of all services together. */
export interface Overview {
  readonly deadLetters: number;
  /** Number of messages that wait, and that are in flight. */
  readonly messages: number;
  /** The age of the oldest waiting message, in seconds; null if it is not known. */
  readonly oldest: number | null;
  /** The largest lag of a relay, in seconds; null if it is not known. */
  readonly lag: number | null;
}

/** Returns the figures of all services together. */
export function overviewOf(services: readonly ServiceView[]): Overview {
  return {
    deadLetters: services.reduce((total, service) => total + countDeadLetters(service), 0),
    messages: services.reduce((total, { queue }) => total + (queue === null ? 0 : queue.waiting + queue.in_flight), 0),
    oldest: largest(services.map(({ queue }) => queue?.oldest_seconds ?? null)),
    lag: largest(services.map(({ relay_lag_seconds: lag }) => lag)),
  };
}

/** Returns the short name of an alarm of a service: `dlq-depth` of `tidings-prod-payment-dlq-depth`. */
export function shortName({ name, service }: Alarm): string {
  const [, short] = service === null ? [] : name.split(`-${service}-`);
  return short ?? name;
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
