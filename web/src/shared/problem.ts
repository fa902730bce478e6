/** Problems (RFC 9457): why the API refused a request. */

import type { components } from "../generated/api";

type Problem = components["schemas"]["Problem"];

/** A request that the API refused. Its message is the problem's detail. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }

  /**
   * The details by the field that they are about, with the dots of nested ones: `address.city`. Details about no field
   * have the key "".
   */
  get fields(): ReadonlyMap<string, string> {
    const errors = this.problem.errors ?? [this.problem];
    return new Map(errors.toReversed().map(({ field, detail }) => [field ?? "", detail]));
  }
}

/** Returns the problem of an answer that is not successful, whatever its body is. */
export function problemOf(status: number, body: unknown): ProblemError {
  if (isProblem(body)) return new ProblemError({ ...body, status });
  // API Gateway's own refusals have a message only.
  const message = isObject(body) && typeof body["message"] === "string" ? body["message"] : `HTTP status ${status}`;
  return new ProblemError({ type: "about:blank", title: message, status, detail: message });
}

function isProblem(body: unknown): body is Problem {
  return isObject(body) && typeof body["title"] === "string" && typeof body["detail"] === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
