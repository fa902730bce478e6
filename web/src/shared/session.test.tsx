import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createApi } from "./api";
import { startPage } from "./page";
import { RenewalError, Session, type SignInError } from "./session";
import { CONFIG } from "./testing";

const SIGN_IN = CONFIG.users;
const STORED = `oidc.user:${SIGN_IN.authority}:${SIGN_IN.clientId}`;

/** Returns a token without a signature. */
function token(claims: Record<string, unknown> = {}): string {
  const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
  return `${part({ alg: "none" })}.${part({ sub: "p1", email: "p1@example.com", ...claims })}.x`;
}

/** Signs a person in, with a token that is valid for a number of seconds. */
function store(seconds: number, more: Record<string, unknown> = {}): void {
  const user = {
    id_token: token({ n: "old", auth_time: 1 }),
    access_token: "access",
    refresh_token: "refresh",
    token_type: "Bearer",
    scope: "openid email",
    profile: { sub: "p1", email: "p1@example.com" },
    expires_at: Math.floor(Date.now() / 1000) + seconds,
  };
  sessionStorage.setItem(STORED, JSON.stringify({ ...user, ...more }));
}

type Answer = () => Response | Promise<Response>;

const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });

const NEW = token({ n: "new", auth_time: 2 });
const renewed = () => json({ id_token: NEW, access_token: "a", token_type: "Bearer", expires_in: 3600 });
const noNetwork: Answer = () => Promise.reject(new TypeError("Failed to fetch"));
const refused = () => json({ error: "invalid_grant" }, 400);

let answers: Record<string, Answer>;
let requests: string[];

beforeEach(() => {
  requests = [];
  answers = {
    "/.well-known/openid-configuration": () =>
      json({
        issuer: SIGN_IN.authority,
        authorization_endpoint: "https://login.test/authorize",
        token_endpoint: "https://login.test/token",
      }),
    "/token": renewed,
    "/config.json": () => json(CONFIG),
  };
  vi.stubGlobal("fetch", (input: RequestInfo | URL) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, "http://page.test");
    requests.push(pathname);
    return (answers[pathname] ?? noNetwork)();
  });
});

afterEach(() => {
  document.body.innerHTML = "";
  history.replaceState(null, "", "/");
});

const failures: SignInError[] = [];

async function started(): Promise<Session> {
  const session = new Session(SIGN_IN, "/", (error) => failures.push(error));
  await session.start();
  return session;
}

test("a token that has expired is renewed", async () => {
  store(-10);
  const session = await started();
  expect([session.person, await session.token()]).toEqual([{ id: "p1", email: "p1@example.com" }, NEW]);
});

test("calls at the same time share one renewal", async () => {
  store(10);
  const session = await started();
  const tokens = await Promise.all([session.token(), session.token(), session.token()]);
  expect(tokens).toEqual([NEW, NEW, NEW]);
  expect(requests.filter((path) => path === "/token")).toHaveLength(1);
});

test.each<[string, Answer]>([
  ["there is no network", noNetwork],
  ["the token endpoint fails", () => json({ message: "Internal server error" }, 500)],
  [
    "the token endpoint answers with a page",
    () => new Response("<html>", { headers: { "Content-Type": "text/html" } }),
  ],
  ["the token endpoint has too much to do", () => json({ error: "temporarily_unavailable" }, 503)],
])("nobody is signed out because %s, and the next call renews the session", async (_, failure) => {
  store(-10);
  answers["/token"] = failure;
  const session = await started();
  await expect(session.token()).rejects.toThrow(RenewalError);
  expect(session.person?.id).toBe("p1");
  expect(JSON.parse(sessionStorage.getItem(STORED) ?? "")).toHaveProperty("id_token");
  answers["/token"] = renewed;
  expect(await session.token()).toBe(NEW);
});

test("a request whose session cannot be renewed fails, and can be repeated", async () => {
  store(-10);
  answers["/token"] = noNetwork;
  answers["/v1/orders"] = () => json({ items: [] });
  const session = await started();
  const api = createApi(CONFIG, session);
  await expect(api.GET("/orders")).rejects.toThrow("Check your connection");
  expect(requests).not.toContain("/v1/orders");
  answers["/token"] = renewed;
  expect((await api.GET("/orders")).response.status).toBe(200);
});

test("a token in its last half minute is used if it cannot be renewed", async () => {
  store(20);
  answers["/token"] = noNetwork;
  const session = await started();
  expect(await session.token()).toBe(token({ n: "old", auth_time: 1 }));
});

test.each(["invalid_grant", "unauthorized_client"])(
  "the refusal %s of the token endpoint ends the session",
  async (error) => {
    store(-10);
    answers["/token"] = () => json({ error }, 400);
    const session = await started();
    expect([session.person, await session.token(), sessionStorage.getItem(STORED)]).toEqual([null, null, null]);
  },
);

test("a session that ends tells its listeners", async () => {
  store(10);
  const session = await started();
  const people: unknown[] = [];
  session.subscribe(() => people.push(session.person));
  answers["/token"] = refused;
  expect(await session.token()).toBeNull();
  expect(people).toEqual([null]);
});

test("a session without a refresh token ends with its token", async () => {
  store(-10, { refresh_token: undefined });
  expect((await started()).person).toBeNull();
});

test("a page that was left during a renewal renews the session again", async () => {
  store(1000, { id_token: undefined });
  expect(await (await started()).token()).toBe(NEW);
});

test("a sign-in that cannot begin says so", async () => {
  answers["/.well-known/openid-configuration"] = noNetwork;
  const session = await started();
  await session.signIn("/orders");
  expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining("cannot be reached")]);
});

/** Starts a page at an address, and returns what it shows. */
async function shown(address: string): Promise<string> {
  history.replaceState(null, "", address);
  document.body.innerHTML = '<div id="root"></div>';
  await act(() =>
    startPage({
      base: "/",
      people: "users",
      page: "the page",
      failure: (error, again) => (
        <p>
          {error.message} <button onClick={again}>Try again</button>
        </p>
      ),
    }),
  );
  return document.body.textContent;
}

test.each(["/signed-in", "/signed-in?code=x&state=y", "/signed-in?error=access_denied&state=y"])(
  "a sign-in that did not succeed offers another: %s",
  async (address) => {
    const assign = vi.spyOn(location, "assign").mockReturnValue();
    expect(await shown(address)).toMatch(/^You are not signed in: .* Sign in again\./);
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    await vi.waitFor(() => {
      expect(assign).toHaveBeenCalledWith(expect.stringContaining("https://login.test/authorize?"));
    });
  },
);

test("an address of a sign-in that was used before leaves the session as it is", async () => {
  store(1000);
  expect(await shown("/signed-in?code=x&state=y")).toBe("the page");
  expect(location.pathname).toBe("/");
});

test.each<[string, Answer, string]>([
  ["a page", () => new Response("<!doctype html>"), "answered with another file"],
  ["null", () => json(null), "answered with another file"],
  ["an error", () => json({}, 503), "answered 503"],
  ["nothing", noNetwork, "cannot be reached"],
])("a configuration that is %s is explained", async (_, answer, text) => {
  answers["/config.json"] = answer;
  expect(await shown("/")).toContain(text);
});
