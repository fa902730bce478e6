/** What both pages have in common: their start, and the access to session, API and live events. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useEffect, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { answer, type Api, createApi } from "./api";
import { type Config, ConfigError, fetchConfig } from "./config";
import { LiveEvents, type LiveState, type Notification } from "./live";
import { ProblemError } from "./problem";
import { type Person, Session, SignInError } from "./session";

export interface PageContext {
  readonly config: Config;
  readonly session: Session;
  readonly api: Api;
  readonly live: LiveEvents;
}

const Context = createContext<PageContext | null>(null);

/** Returns the page's context. */
export function usePage(): PageContext {
  const context = use(Context);
  if (context === null) throw new Error("there is no page");
  return context;
}

/** Returns the person who is signed in; null if nobody is. */
export function usePerson(): Person | null {
  const { session } = usePage();
  const id = useSyncExternalStore(session.subscribe, () => session.person?.id ?? null);
  return id === null ? null : session.person;
}

/** Returns the state of the connection for live events. */
export function useLiveState(): LiveState {
  const { live } = usePage();
  return useSyncExternalStore(live.watch, () => live.state);
}

/** Calls a listener for each notification of an event, while the component is shown. */
export function useNotifications(listener: (notification: Notification) => void): void {
  const { live } = usePage();
  useEffect(() => live.listen(listener), [live, listener]);
}

/** Returns false while the browser knows that it has no network. */
export function useOnline(): boolean {
  return useSyncExternalStore(watchNetwork, () => navigator.onLine);
}

function watchNetwork(watcher: () => void): () => void {
  window.addEventListener("online", watcher);
  window.addEventListener("offline", watcher);
  return () => {
    window.removeEventListener("online", watcher);
    window.removeEventListener("offline", watcher);
  };
}

/** Returns the client of queries. A request that the API refused is not repeated; a failed one is, twice. */
export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (count, error) => count < 2 && !(error instanceof ProblemError && error.status < 500),
        staleTime: 1000,
        // A request without a network fails, so that the page can say so. Otherwise it would wait.
        networkMode: "always",
        refetchOnReconnect: true,
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** Gives a part of the page its context. */
export function Provider({ value, children }: { value: PageContext; children: ReactNode }): ReactNode {
  return <Context value={value}>{children}</Context>;
}

/** What differs between the two pages. */
export interface PageOptions {
  /** The page's path: `/` or `/console/`. */
  readonly base: string;
  /** Those who sign in on it. */
  readonly people: "users" | "operators";
  /** The page itself. */
  readonly page: ReactNode;
  /** Returns what is shown if the page cannot start. */
  readonly failure: (error: Error, again: () => void) => ReactNode;
}

/** Starts the page: reads its configuration, restores the session, and shows it. */
export async function startPage({ base, people, page, failure }: PageOptions): Promise<void> {
  const element = document.getElementById("root");
  if (element === null) throw new Error("the page has no element with the id root");
  const root = createRoot(element);
  let session: Session | undefined;
  const fail = (error: unknown, path: string) => {
    const again = () => {
      if (error instanceof SignInError) void session?.signIn(path);
      else location.assign(path);
    };
    root.render(failure(described(error), again));
  };
  try {
    const config = await fetchConfig();
    const started = (session = new Session(config[people], base, fail));
    const path = await started.start();
    if (path !== null) history.replaceState(null, "", path);
    const api = createApi(config, started);
    const live = new LiveEvents(config.live, () => fetchTicket(api, people));
    const queries = createQueries();
    // What one person has read is not shown to the next.
    started.subscribe(() => {
      if (started.person === null) queries.clear();
    });
    root.render(
      <QueryClientProvider client={queries}>
        <Provider value={{ config, session: started, api, live }}>
          <Live>{page}</Live>
        </Provider>
      </QueryClientProvider>,
    );
  } catch (error) {
    fail(error, base);
  }
}

/** Returns why the page cannot start, in words for people. */
function described(error: unknown): Error {
  if (error instanceof ConfigError || error instanceof SignInError) return error;
  return new Error("A part of the page cannot be loaded. Check your connection, and try again.", { cause: error });
}

/** Keeps the connection for live events open while somebody is signed in. */
function Live({ children }: { children: ReactNode }): ReactNode {
  const { live } = usePage();
  const id = usePerson()?.id;
  useEffect(() => (id === undefined ? undefined : live.open()), [live, id]);
  return children;
}

async function fetchTicket(api: Api, people: "users" | "operators"): Promise<string> {
  const path = people === "users" ? "/live/tickets" : "/operators/live/tickets";
  const { ticket } = await answer(api.POST(path));
  return ticket;
}
