import { expect, test } from "vitest";
import { problemOf } from "./problem";

test("each error is at its field, and the first of a field counts", () => {
  const detail = "is too long";
  const errors = [
    { field: "address.city", detail },
    { field: "address.city", detail: "another" },
    { field: "lines", detail: "is empty" },
  ];
  const problem = problemOf(422, { type: "about:blank", title: "Invalid", status: 422, detail, errors });
  expect([...problem.fields]).toEqual(
    expect.arrayContaining([
      ["address.city", detail],
      ["lines", "is empty"],
    ]),
  );
  expect(problem.fields.get("address.city")).toBe(detail);
});

test("a refusal of API Gateway has its message", () => {
  const problem = problemOf(401, { message: "Unauthorized" });
  expect([problem.status, problem.message, problem.fields.get("")]).toEqual([401, "Unauthorized", "Unauthorized"]);
});

test("an answer that is no JSON has its status", () => {
  expect(problemOf(503, undefined).message).toBe("HTTP status 503");
});
