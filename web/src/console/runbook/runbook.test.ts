import { expect, test } from "vitest";
import runbook from "../../../../docs/runbook.md?raw";
import { entryOf, findEntry, parseBlocks } from "./runbook";

const MARKDOWN = `# Runbook

## first

**Meaning.** The \`queue\` is
full.

- One item
  of two lines.
- **Two.**

\`\`\`sh
tidings logs $SERVICE-relay

tidings resume $SERVICES
\`\`\`

| a | b |
|---|---|
| \`c\` | d |

## first-other

Other.
`;

test("an entry is found by its whole name", () => {
  expect(entryOf("docs/runbook.md#first")).toBe("first");
  expect(findEntry(MARKDOWN, "first-other", null)).toBe("Other.");
  expect(findEntry(MARKDOWN, "fir", null)).toBeNull();
});

test("the service's name is in the commands", () => {
  const entry = findEntry(MARKDOWN, "first", "payment");
  expect(entry).toContain("tidings logs payment-relay\n");
  expect(entry).toContain("tidings resume $SERVICES");
});

test("an entry has the blocks that its Markdown has", () => {
  expect(parseBlocks(findEntry(MARKDOWN, "first", null) ?? "")).toEqual([
    {
      kind: "paragraph",
      spans: [
        { kind: "strong", text: "Meaning." },
        { kind: "text", text: " The " },
        { kind: "code", text: "queue" },
        { kind: "text", text: " is full." },
      ],
    },
    { kind: "list", items: [[{ kind: "text", text: "One item of two lines." }], [{ kind: "strong", text: "Two." }]] },
    { kind: "code", text: "tidings logs $SERVICE-relay\n\ntidings resume $SERVICES" },
    {
      kind: "table",
      rows: [
        [[{ kind: "text", text: "a" }], [{ kind: "text", text: "b" }]],
        [[{ kind: "code", text: "c" }], [{ kind: "text", text: "d" }]],
      ],
    },
  ]);
});

test("no Markdown of the runbook is left unread", () => {
  const names = [...runbook.matchAll(/^## (.+)$/gm)].map(([, name = ""]) => name);
  expect(names).toContain("dlq-depth");
  for (const name of names) {
    const spans = parseBlocks(findEntry(runbook, name, null) ?? "").flatMap((block) => {
      if (block.kind === "code") return [];
      return block.kind === "paragraph" ? block.spans : block.kind === "list" ? block.items.flat() : block.rows.flat(2);
    });
    const unread = spans.filter(({ kind, text }) => kind === "text" && /\*\*|`|^\||\]\(|^#/.test(text));
    expect([name, unread]).toEqual([name, []]);
  }
});
