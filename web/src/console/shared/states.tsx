/** What the console's pages share: their frame, their states, times and links. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import CloudscapeLink from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import type { UseInfiniteQueryResult, UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useSyncExternalStore } from "react";
import { useLocation, useRouter } from "wouter";
import { usePage } from "../../shared/page";
import { ProblemError } from "../../shared/problem";
import { formatExact, formatRelative } from "./format";
import type { Span } from "./spans";

/** The frame of a page: its title, which is focused when the page is opened, and its content. */
export function Page({
  title,
  description,
  actions,
  children,
}: {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}): ReactNode {
  const { config } = usePage();
  const heading = useRef<HTMLDivElement>(null);
  useEffect(() => {
    document.title = `${title} · ${config.title} console`;
  }, [title, config.title]);
  useEffect(() => {
    // Only after navigation: a page that is opened by its address begins at its top.
    if (document.activeElement !== document.body) heading.current?.querySelector("h1")?.focus();
  }, []);
  return (
    <ContentLayout
      header={
        <div ref={heading}>
          <Header variant="h1" description={description} actions={actions}>
            {title}
          </Header>
        </div>
      }
    >
      {children}
    </ContentLayout>
  );
}

/** Says what is being loaded. */
export function Loading({ what }: { what: string }): ReactNode {
  return (
    <Box textAlign="center" padding="l" color="text-body-secondary">
      <div role="status">
        <Spinner /> Loading {what}…
      </div>
    </Box>
  );
}

/** Says why something could not be read or done. */
export function Failed({
  title,
  error,
  again,
}: {
  /** What failed, as a sentence: `The products cannot be shown`. */
  title: string;
  error: unknown;
  /** Tries it once more. Without it there is no such button. */
  again?: (() => void) | undefined;
}): ReactNode {
  return (
    <div role="alert">
      <Alert type="error" header={title} action={again && <Button onClick={again}>Try again</Button>}>
        {messageOf(error)}
      </Alert>
    </div>
  );
}

/** Says that a list is empty, and why or what to do. */
export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return (
    <Box textAlign="center" padding="l" color="inherit">
      <Box variant="strong" color="inherit">
        {title}
      </Box>
      {children !== undefined && (
        <Box variant="p" color="text-body-secondary">
          {children}
        </Box>
      )}
    </Box>
  );
}

/**
 * Shows what a query has read. While it loads, it says so. If it failed, it says why, above what was read before.
 */
export function Queried<Data>({
  query,
  what,
  children,
}: {
  query: Pick<UseQueryResult<Data>, "data" | "error" | "refetch">;
  /** What the query reads: `the products`. */
  what: string;
  children: (data: Data) => ReactNode;
}): ReactNode {
  const { data, error, refetch } = query;
  return (
    <SpaceBetween size="l">
      {error !== null && (
        <Failed
          title={data === undefined ? `Could not load ${what}` : `Could not load ${what} again: they may be old`}
          error={error}
          again={() => void refetch()}
        />
      )}
      {data === undefined ? error === null && <Loading what={what} /> : children(data)}
    </SpaceBetween>
  );
}

/** Returns the text of an error for a person. */
export function messageOf(error: unknown): string {
  if (error instanceof ProblemError) return error.message;
  // A fetch that gets no answer is a TypeError, whose text differs between browsers and helps nobody.
  if (error instanceof TypeError) return "The server cannot be reached. Check the network.";
  return error instanceof Error ? error.message : String(error);
}

/**
 * Returns an error's text for a form's field: with nested names, such as `price.amount`, and with items of a list,
 * such as `lines[0].sku`.
 */
export function fieldError(error: unknown, ...names: readonly string[]): string | undefined {
  if (!(error instanceof ProblemError)) return undefined;
  return names.map((name) => error.fields.get(name)).find((detail) => detail !== undefined);
}

/** Returns an error unless it is only about the fields that a form has, which show it. */
export function otherError(error: unknown, ...names: readonly string[]): unknown {
  if (!(error instanceof ProblemError)) return error;
  return [...error.fields.keys()].every((field) => names.includes(field)) ? null : error;
}

const TICK = 10_000;
const watchers = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;
let current = Date.now();

function tick(): void {
  current = Date.now();
  watchers.forEach((watcher) => {
    watcher();
  });
}

/** Watches the clock that all shown times share. It runs while at least one is shown. */
function watchClock(watcher: () => void): () => void {
  watchers.add(watcher);
  if (ticking === undefined) {
    current = Date.now();
    ticking = setInterval(tick, TICK);
  }
  return () => {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    clearInterval(ticking);
    ticking = undefined;
  };
}

/** Returns the present in milliseconds since 1970, with a new value every 10 seconds. */
export function useNow(): number {
  return useSyncExternalStore(watchClock, () => current);
}

/** A time relative to now, with the exact time as its title. */
export function Time({ at }: { at: string }): ReactNode {
  const now = useNow();
  return (
    <time dateTime={at} title={formatExact(at)} style={{ whiteSpace: "nowrap" }}>
      {formatRelative(at, now)}
    </time>
  );
}

/** A link to a page of the console. Its label replaces its text where that says too little by itself. */
export function PageLink({ to, label, children }: { to: string; label?: string; children: ReactNode }): ReactNode {
  const { base } = useRouter();
  const [, navigate] = useLocation();
  return (
    <CloudscapeLink
      href={`${base}${to}`}
      {...(label !== undefined && { ariaLabel: label })}
      onFollow={(event) => {
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </CloudscapeLink>
  );
}

/** The button that reads the next page of a list; nothing after the last. */
export function More({
  query,
}: {
  query: Pick<UseInfiniteQueryResult, "hasNextPage" | "isFetchingNextPage" | "fetchNextPage">;
}): ReactNode {
  if (!query.hasNextPage) return null;
  return (
    <Box textAlign="center">
      <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        Show more
      </Button>
    </Box>
  );
}

/** A line of Markdown. */
export function Spans({ spans }: { spans: readonly Span[] }): ReactNode {
  return spans.map(({ kind, text }, index) => {
    if (kind === "text") return text;
    return kind === "code" ? <code key={index}>{text}</code> : <strong key={index}>{text}</strong>;
  });
}
