/** The runbook's entries, read from the Markdown of `docs/runbook.md`. */

import { parseSpans, type Span } from "../shared/spans";

/** A part of an entry. */
export type Block =
  | { readonly kind: "paragraph"; readonly spans: readonly Span[] }
  | { readonly kind: "list"; readonly items: readonly (readonly Span[])[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "table"; readonly rows: readonly (readonly (readonly Span[])[])[] };

/** Returns the name of an entry, by where an alarm says that it is: `dlq-depth` of `docs/runbook.md#dlq-depth`. */
export function entryOf(place: string): string {
  return place.slice(place.indexOf("#") + 1);
}

/**
 * Returns the Markdown of an entry; null if the runbook has no such entry.
 *
 * @param service The service that replaces the variable `$SERVICE` in commands.
 */
export function findEntry(runbook: string, name: string, service: string | null): string | null {
  const [, ...sections] = runbook.split(/^## /m);
  const section = sections.find((text) => text.startsWith(`${name}\n`));
  if (section === undefined) return null;
  const text = section.slice(name.length).trim();
  return service === null ? text : text.replace(/\$SERVICE\b/g, service);
}

/**
 * Returns the blocks of an entry. It reads the Markdown that the runbook uses: paragraphs, lists of one level, code
 * fences, tables, code and strong emphasis.
 */
export function parseBlocks(markdown: string): readonly Block[] {
  // A fence may contain empty lines, so fences are separated first.
  return markdown.split(/^(```.*?^```)$/ms).flatMap((part) => {
    if (part.startsWith("```")) return [{ kind: "code", text: part.split("\n").slice(1, -1).join("\n") } as const];
    return part
      .split(/\n{2,}/)
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map(parseBlock);
  });
}

function parseBlock(text: string): Block {
  if (text.startsWith("- ")) {
    const items = text.slice(2).split(/\n- /);
    return { kind: "list", items: items.map((item) => parseSpans(item.replace(/\n\s*/g, " "))) };
  }
  if (text.startsWith("|")) {
    const rows = text.split("\n").filter((line) => !/^[|\s:-]+$/.test(line));
    return {
      kind: "table",
      rows: rows.map((row) =>
        row
          .split("|")
          .slice(1, -1)
          .map((cell) => parseSpans(cell.trim())),
      ),
    };
  }
  return { kind: "paragraph", spans: parseSpans(text.replace(/\n/g, " ")) };
}
