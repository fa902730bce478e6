import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { OPERATOR, renderPage, violations } from "../../shared/testing";
import Runbook from "./Runbook";

test("an entry is shown with the commands for the service of the alarm", async () => {
  const { container } = renderPage(<Runbook entry="relay-lag" />, {
    person: OPERATOR,
    path: "/runbook/relay-lag?service=payment",
  });
  expect(await screen.findByText(/tidings resume payment-relay/)).toBeDefined();
  expect(screen.getByText("Meaning.")).toBeDefined();
  expect(screen.getByText(/tidings resume payment-relay/).closest(".runbook-commands")).not.toBeNull();
  expect(await violations(container)).toEqual([]);
});

test("an alarm without an entry says so", async () => {
  renderPage(<Runbook entry="unknown" />, { person: OPERATOR });
  expect(await screen.findByText("The runbook has no such entry")).toBeDefined();
});
