/** A text that anyone may have written. */

import type { ReactNode } from "react";

/** Shows a text that may be long and without spaces. It breaks anywhere, so that a table stays as wide as the page. */
export function LongText({ children }: { children: ReactNode }): ReactNode {
  return <span style={{ overflowWrap: "anywhere" }}>{children}</span>;
}
