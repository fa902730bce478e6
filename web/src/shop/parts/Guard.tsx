/** A page that keeps its frame when its content fails. */

import { Component, type ReactNode } from "react";
import { Page } from "./Page";

interface State {
  readonly error: Error | null;
}

/** Shows that a page failed, instead of nothing at all. React offers this to classes only. */
export class Guard extends Component<{ readonly children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <Page title="This page failed">
        <div className="notice bad" role="alert">
          <p>Something went wrong on our side. Try again, or go to another page.</p>
          <button
            onClick={() => {
              this.setState({ error: null });
            }}
          >
            Try again
          </button>
        </div>
      </Page>
    );
  }
}
