/** A path, or a thing, that does not exist. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import { Page } from "../parts/Page";

export function NotFound({ what = "page" }: { what?: string }): ReactNode {
  return (
    <Page title={`There is no such ${what}`}>
      <div className="stack">
        <p>The address may be mistyped, or what was here is gone.</p>
        <p>
          <Link href="/" className="button">
            See the products
          </Link>
        </p>
      </div>
    </Page>
  );
}
