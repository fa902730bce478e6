import { screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { renderPage, violations } from "../../shared/testing";
import { Guard } from "./Guard";

test("a page that fails says so, and can be shown again", async () => {
  vi.spyOn(console, "error").mockReturnValue(undefined);
  let failing = true;
  function Content() {
    if (failing) throw new Error("broken");
    return <p>Content</p>;
  }
  const { user, container } = renderPage(
    <Guard>
      <Content />
    </Guard>,
  );
  expect(screen.getByRole("alert").textContent).toContain("Something went wrong on our side.");
  expect(screen.queryByText(/broken/)).toBeNull();
  expect(await violations(container)).toEqual([]);
  failing = false;
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(screen.getByText("Content")).toBeDefined();
});
