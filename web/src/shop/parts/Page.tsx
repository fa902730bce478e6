/** The frame of each page's content, and the states that each can be in. */

import { type ReactNode, useEffect, useRef } from "react";
import { useOnline, usePage } from "../../shared/page";
import { describeError } from "../errors";
import { Button } from "./forms";

/** Whether a page was shown before. The browser itself announces the first one. */
let navigated = false;

/** A page's heading and content. A reader of the screen is taken to it. */
export function Page({ title, children }: { title: string; children: ReactNode }): ReactNode {
  const { config } = usePage();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${config.title}`;
  }, [title, config.title]);
  useEffect(() => {
    if (navigated) {
      window.scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    navigated = true;
  }, []);
  return (
    <main id="content">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </main>
  );
}

/** Takes the focus to the page's heading, if it was on something that is gone. */
export function keepFocus(): void {
  if (document.activeElement === document.body) document.querySelector<HTMLElement>("h1")?.focus();
}

/** What the outline of something that is loading looks like. */
interface Outline {
  readonly rows?: number;
  /** Whether its rows are cards, several of them side by side. */
  readonly cards?: boolean;
}

/** Says that something is loading, with the outline of what comes. */
export function Loading({ what, rows = 3, cards = false }: Outline & { what: string }): ReactNode {
  return (
    <div className={cards ? "loading cards" : "loading"} role="status">
      <span className="unseen">Loading {what}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="bone" />
      ))}
    </div>
  );
}

/** Says that something could not be loaded. */
export function Failed({ what, error, again }: { what: string; error: Error; again: () => void }): ReactNode {
  const online = useOnline();
  return (
    <div className="notice bad" role="alert">
      <p>
        <strong>{online ? `We could not load ${what}.` : `You are offline, so ${what} cannot be loaded.`}</strong>
      </p>
      {online && <p>{describeError(error)}</p>}
      {/* It may be shown within a form, which it does not send. */}
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

/** Says that a list has nothing in it. */
export function Empty({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <p className="large">{title}</p>
      {children}
    </div>
  );
}

/** Something that was read, or is being read. */
interface Read<Data> {
  readonly data: Data | undefined;
  readonly error: Error | null;
  readonly refetch: () => unknown;
}

/** Shows what was read; until then that it is loading, or why it could not be read. Old content outlives a failure. */
export function Shown<Data>(
  props: Outline & {
    what: string;
    read: Read<Data>;
    children: (data: Data) => ReactNode;
  },
): ReactNode {
  const { what, read, children, ...outline } = props;
  if (read.data !== undefined) return children(read.data);
  if (read.error === null) return <Loading what={what} {...outline} />;
  return <Failed what={what} error={read.error} again={() => void read.refetch()} />;
}

interface Continued {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  readonly isFetchNextPageError: boolean;
  readonly fetchNextPage: () => unknown;
}

/** Offers the next page of a list, if there is one. */
export function More({ what, query }: { what: string; query: Continued }): ReactNode {
  if (!query.hasNextPage) return null;
  return (
    <div className="more">
      {query.isFetchNextPageError && <p role="alert">We could not load more {what}.</p>}
      <Button inactive={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? "Loading…" : `Show more ${what}`}
      </Button>
    </div>
  );
}

/** Asks a visitor to sign in, for a page that only customers have. */
export function SignInFirst({ title, path, children }: { title: string; path: string; children: string }): ReactNode {
  const { session } = usePage();
  return (
    <Page title={title}>
      <Empty title={children}>
        <button className="primary" onClick={() => void session.signIn(path)}>
          Sign in
        </button>
      </Empty>
    </Page>
  );
}
