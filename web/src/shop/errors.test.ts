import { expect, test } from "vitest";
import { problemOf } from "../shared/problem";
import { describeError, detailsOf } from "./errors";
import { sampleProblem } from "./samples";

const problem = (status: number, detail: string, more = {}) =>
  problemOf(status, sampleProblem(status, "Title", { detail, ...more }).body);

test.each([
  [401, "Sign in, and send the ID token as a bearer token.", "Your sign-in has ended. Sign in again."],
  [429, "Too many requests.", "The shop is very busy. Try again in a moment."],
  [503, "Others are changing the same thing.", "The shop is very busy. Try again in a moment."],
  [500, "Send the same Idempotency-Key.", /^Something failed on our side\. You can safely try again/],
])("a refusal with status %i is described for customers", (status, detail, described) => {
  const error = problem(status, detail);
  expect(describeError(error)).toMatch(described);
  expect(detailsOf(error, [])).toEqual([describeError(error)]);
});

test.each([
  [403, { message: "Forbidden" }],
  [413, "<html>"],
])("a refusal with status %i that the API did not write is described for customers", (status, body) => {
  const error = problemOf(status, body);
  expect(describeError(error)).toMatch(/^The shop could not accept that\./);
  expect(detailsOf(error, [])).toEqual([describeError(error)]);
});

test("a detail that is written for people is shown", () => {
  const detail = "Verify your e-mail address, and sign in again.";
  expect(describeError(problem(403, detail))).toBe(detail);
  expect(detailsOf(problem(422, detail, { field: "address.name" }), ["address.name"])).toEqual([]);
});
