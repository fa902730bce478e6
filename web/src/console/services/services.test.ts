import { expect, test } from "vitest";
import { describeInactive, overviewOf, problemsOf, type ServiceView, shortName, sortServices } from "./services";

const ALARM = {
  name: "tidings-prod-payment-dlq-depth",
  service: "payment",
  state: "ALARM",
  since: "2026-03-01T12:00:00.000Z",
  problem: "Messages could not be handled",
  runbook: "docs/runbook.md#dlq-depth",
} as const;
const HEALTHY: ServiceView = {
  name: "orders",
  summary: "Takes orders.",
  queue: { waiting: 2, in_flight: 1, oldest_seconds: 3 },
  dlq: 0,
  undelivered: 0,
  relay_dlq: 0,
  relay_lag_seconds: 0.5,
  mappings: [{ kind: "queue", state: "Enabled", problem: null }],
  alarms: [{ ...ALARM, state: "OK" }],
};
const BROKEN: ServiceView = {
  ...HEALTHY,
  name: "payment",
  dlq: 1,
  undelivered: 2,
  relay_lag_seconds: 90,
  mappings: [{ kind: "stream", state: "Disabled", problem: null }],
  alarms: [ALARM],
};
const QUIET: ServiceView = {
  ...HEALTHY,
  name: "api",
  queue: null,
  dlq: null,
  undelivered: null,
  relay_dlq: null,
  relay_lag_seconds: null,
  mappings: [],
  alarms: [],
};

test("a service without alarms, dead letters or stopped mappings is healthy", () => {
  expect([problemsOf(HEALTHY), problemsOf(QUIET)]).toEqual([[], []]);
});

test("a service's problems are named", () => {
  expect(problemsOf(BROKEN)).toEqual(["stream not delivered", "1 alarm", "3 dead letters"]);
});

test("a mapping with a problem delivers nothing, though it is enabled", () => {
  const mappings = [{ kind: "queue", state: "Enabled", problem: "The function is throttled" } as const];
  expect(problemsOf({ ...HEALTHY, mappings })).toEqual(["queue not delivered"]);
});

test("services with problems are the first", () => {
  expect(sortServices([QUIET, HEALTHY, BROKEN]).map(({ name }) => name)).toEqual(["payment", "api", "orders"]);
});

test("the overview adds what can be added, and has the largest ages", () => {
  expect(overviewOf([HEALTHY, BROKEN, QUIET])).toEqual({ deadLetters: 3, messages: 6, oldest: 3, lag: 90 });
  expect(overviewOf([QUIET])).toEqual({ deadLetters: 0, messages: 0, oldest: null, lag: null });
});

test("the name of a service's alarm does not repeat the service", () => {
  expect(shortName(ALARM)).toBe("dlq-depth");
  expect(shortName({ ...ALARM, name: "tidings-prod-api-5xx", service: null })).toBe("tidings-prod-api-5xx");
});

test("an alarm without data is not said to be OK, and one that nothing evaluates has no state", () => {
  const ok = { ...ALARM, state: "OK" } as const;
  const unknown = { ...ALARM, state: "INSUFFICIENT_DATA" } as const;
  expect(describeInactive([ok, unknown], true)).toBe("2 alarms: 1 OK, 1 without data");
  expect(describeInactive([unknown], true)).toBe("1 alarm: 1 without data");
  expect(describeInactive([unknown], false)).toBe("1 alarm, which the local cloud does not evaluate");
});
