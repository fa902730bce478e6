/** Tests of pages: a page in its context, with an API whose answers the test gives. */

import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, configure, render, type RenderResult } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import axe from "axe-core";
import type { FetchResponse } from "openapi-fetch";
import type { ReactNode } from "react";
import { afterEach, type Mock, vi } from "vitest";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import type { components, paths } from "../generated/api";
import { createApi } from "./api";
import type { Config } from "./config";
import { LiveEvents, type LiveState, type Notification } from "./live";
import { createQueries, Provider } from "./page";
import { type Person, Session } from "./session";

type Problem = components["schemas"]["Problem"];

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** A method and a path of the OpenAPI document: `GET /orders/{id}`. */
export type RouteName = {
  [Path in keyof paths]: {
    [M in Method]: paths[Path] extends Record<Lowercase<M>, object> ? `${M} ${Path & string}` : never;
  }[Method];
}[keyof paths];

type Operation<Name> = Name extends `${infer M} ${infer Path}` ? At<At<paths, Path>, Lowercase<M>> : never;
type At<Type, Key> = Key extends keyof Type ? Type[Key] : never;
type Body<Name> =
  Operation<Name> extends infer Found extends Record<string | number, unknown>
    ? NonNullable<FetchResponse<Found, object, "application/json">["data"]>
    : never;

type OkStatus = 200 | 201 | 202;
type ErrorStatus = 400 | 401 | 403 | 404 | 409 | 413 | 415 | 422 | 429 | 500 | 503;

/** A request as a route sees it. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  /** The parameters of the path by name. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** The body, read as JSON; undefined without one. */
  readonly body: unknown;
}

/** An answer: of the shape that the OpenAPI document promises, or a problem. The status is 200 by default. */
export type FakeAnswer<Name> =
  | { readonly status?: OkStatus; readonly body: Body<Name>; readonly headers?: Record<string, string> }
  | { readonly status: ErrorStatus; readonly body: Partial<Problem> & Record<string, unknown> };

/** The answers of the API. A route that throws is a network that fails. */
export type Routes = {
  readonly [Name in RouteName]?: (request: FakeRequest) => FakeAnswer<Name> | Promise<FakeAnswer<Name>>;
};

export const CUSTOMER: Person = { id: "0b36f2ff-6a5d-4f6c-a5f0-5f5a0e4f3f4e", email: "customer@example.com" };
export const OPERATOR: Person = { id: "6b6ea4dc-6d26-4b5e-9a4b-0d7c6c7c0c8a", email: "operator@example.com" };

const SIGN_IN = {
  authority: "https://issuer.test",
  metadataUrl: null,
  clientId: "client",
  domain: "https://login.test",
};

export const CONFIG: Config = {
  stage: "test",
  title: "Tidings",
  api: "http://page.test/v1",
  live: "ws://page.test/live",
  gateway: "simulated",
  publishableKey: "",
  paymentMethods: ["pm_ok", "pm_sca", "pm_declined"],
  users: SIGN_IN,
  operators: SIGN_IN,
};

export interface RenderOptions {
  /** The person who is signed in; nobody by default. */
  readonly person?: Person | null;
  readonly routes?: Routes;
  readonly config?: Partial<Config>;
  /** The path that is shown, with its query; `/` by default. */
  readonly path?: string;
  /** The page's path: `/` by default, or `/console/`. */
  readonly base?: string;
}

export interface RenderedPage extends RenderResult {
  readonly user: UserEvent;
  readonly session: FakeSession;
  /** The requests that the page has sent, the first one first. */
  readonly requests: readonly FakeRequest[];
  /** The paths that the page has shown, the first one first. */
  readonly history: readonly string[];
  /** Pushes a notification of an event. */
  readonly push: (notification: Partial<Notification>) => void;
  /** Changes the state of the connection for live events. */
  readonly setLive: (state: LiveState) => void;
}

/** A session without Cognito. */
export class FakeSession extends Session {
  readonly #listeners = new Set<() => void>();
  #person: Person | null;
  override readonly signIn: Mock<Session["signIn"]> = vi.fn(() => Promise.resolve());
  override readonly signOut: Mock<Session["signOut"]> = vi.fn(() => Promise.resolve());

  constructor(person: Person | null, base: string) {
    super(SIGN_IN, base, () => undefined);
    this.#person = person;
  }

  override get person(): Person | null {
    return this.#person;
  }

  override token(): Promise<string | null> {
    return Promise.resolve(this.#person === null ? null : "token");
  }

  override expire(): Promise<void> {
    this.#person = null;
    this.#listeners.forEach((listener) => {
      listener();
    });
    return Promise.resolve();
  }

  override readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

/** A connection for live events without a WebSocket. */
class FakeLiveEvents extends LiveEvents {
  readonly #listeners = new Set<(notification: Notification) => void>();
  readonly #watchers = new Set<() => void>();
  #state: LiveState = "connected";

  constructor() {
    super("", () => Promise.resolve(""));
  }

  override get state(): LiveState {
    return this.#state;
  }

  override readonly open = (): (() => void) => () => undefined;

  override readonly listen = (listener: (notification: Notification) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  override readonly watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  push(notification: Notification): void {
    this.#listeners.forEach((listener) => {
      listener(notification);
    });
  }

  change(state: LiveState): void {
    this.#state = state;
    this.#watchers.forEach((watcher) => {
      watcher();
    });
  }
}

// A busy machine takes its time.
configure({ asyncUtilTimeout: 10_000 });

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  localStorage.clear();
  sessionStorage.clear();
});

/**
 * Renders a page.
 *
 * @example
 * const { user } = renderPage(<Shop />, { person: CUSTOMER, routes: { "GET /products": () => ({ body }) } });
 * await user.click(await screen.findByRole("button", { name: "Add" }));
 */
export function renderPage(page: ReactNode, options: RenderOptions = {}): RenderedPage {
  const { person = null, routes = {}, path = "/", base = "/" } = options;
  const config = { ...CONFIG, ...options.config };
  const requests: FakeRequest[] = [];
  vi.stubGlobal("fetch", fakeFetch(config.api, routes, requests));
  const session = new FakeSession(person, base);
  const live = new FakeLiveEvents();
  const api = createApi(config, session);
  const queries = createQueries();
  // A failure is shown at once.
  queries.setDefaultOptions({ queries: { ...queries.getDefaultOptions().queries, retry: false } });
  const { hook, searchHook, history } = memoryLocation({ path, record: true });
  const result = render(
    <QueryClientProvider client={queries}>
      <Provider value={{ config, session, api, live }}>
        <Router hook={hook} searchHook={searchHook}>
          {page}
        </Router>
      </Provider>
    </QueryClientProvider>,
  );
  const push = (notification: Partial<Notification>) => {
    act(() => {
      live.push({ ...NOTIFICATION, ...notification });
    });
  };
  const setLive = (state: LiveState) => {
    act(() => {
      live.change(state);
    });
  };
  return { ...result, user: userEvent.setup(), session, requests, history, push, setLive };
}

const NOTIFICATION: Notification = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  type: "OrderConfirmed",
  source: "orders",
  subject: "3f0b0b0a-8f2e-4a5e-9a51-2d5f3a1f7c11",
  time: "2026-01-01T12:00:00.000Z",
};

/**
 * Returns the accessibility rules that an element violates, with the elements that do.
 *
 * Contrast is left to a real browser, because the tests have no layout.
 */
export async function violations(element: Element): Promise<string[]> {
  const rules = { "color-contrast": { enabled: false } };
  const { violations: found } = await axe.run(element, { rules, resultTypes: ["violations"] });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
}

function fakeFetch(api: string, routes: Routes, requests: FakeRequest[]): typeof fetch {
  const table = Object.entries(routes).map(([name, route]) => ({ ...parse(name), route }));
  return async (input, init) => {
    const received = new Request(input, init);
    const { method, headers } = received;
    const { pathname, searchParams } = new URL(received.url);
    const path = pathname.slice(new URL(api).pathname.length);
    for (const { method: wanted, pattern, route } of table) {
      const match = wanted === method ? pattern.exec(path) : null;
      if (match === null) continue;
      const params = { ...match.groups };
      const text = await received.text();
      const body: unknown = text === "" ? undefined : JSON.parse(text);
      const request = { method, path, params, query: searchParams, headers, body };
      requests.push(request);
      const answer = await (route as (request: FakeRequest) => Promise<FakeAnswer<RouteName>>)(request);
      const { status = 200 } = answer;
      const type = status < 400 ? "application/json" : "application/problem+json";
      return new Response(JSON.stringify(answer.body), {
        status,
        headers: { "Content-Type": type, ...("headers" in answer && answer.headers) },
      });
    }
    console.error(`the test has no route ${method} ${path}`);
    throw new TypeError("Failed to fetch");
  };
}

function parse(name: string): { method: string; pattern: RegExp } {
  const [method = "", path = ""] = name.split(" ");
  const pattern = path.replaceAll(".", "\\.").replace(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return { method, pattern: new RegExp(`^${pattern}$`) };
}
