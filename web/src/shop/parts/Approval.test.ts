import { expect, test } from "vitest";
import { bankAddress } from "./Approval";

test("the bank's page is at an address relative to the payment's, or at one of its own", () => {
  const page = bankAddress("/v1", "1", "../../simulated-bank?client_secret=2");
  expect(page).toBe(`${location.origin}/v1/simulated-bank?client_secret=2`);
  expect(bankAddress("/v1", "1", "https://bank.example/3")).toBe("https://bank.example/3");
});
