/** The shop's page for customers. */

import type { ReactNode } from "react";

export function Shop(): ReactNode {
  return (
    <main>
      <h1>Tidings</h1>
    </main>
  );
}
