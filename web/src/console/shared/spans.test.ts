import { expect, test } from "vitest";
import { parseSpans } from "./spans";

test("code and strong text are parts of a line", () => {
  expect(parseSpans("The `queue` is **full**.")).toEqual([
    { kind: "text", text: "The " },
    { kind: "code", text: "queue" },
    { kind: "text", text: " is " },
    { kind: "strong", text: "full" },
    { kind: "text", text: "." },
  ]);
});

test("the code in strong text is strong text", () => {
  expect(parseSpans("**`gave-up`.** Repair")).toEqual([
    { kind: "strong", text: "gave-up." },
    { kind: "text", text: " Repair" },
  ]);
});
