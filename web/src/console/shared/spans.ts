/** Lines of Markdown, as docstrings and the runbook have them. */

/** A part of a line: text, code or emphasis. */
export interface Span {
  readonly kind: "text" | "code" | "strong";
  readonly text: string;
}

/** Returns the parts of a line. */
export function parseSpans(line: string): readonly Span[] {
  return line
    .split(/(`[^`]+`|\*\*.+?\*\*)/)
    .filter((part) => part !== "")
    .map((part) => {
      if (part.startsWith("`")) return { kind: "code", text: part.slice(1, -1) };
      if (part.startsWith("**")) return { kind: "strong", text: part.slice(2, -2).replaceAll("`", "") };
      return { kind: "text", text: part };
    });
}
