/** The session of a person who signs in on Cognito's own page, by the code flow with PKCE. */

import type { User, UserManager } from "oidc-client-ts";
import type { SignIn } from "./config";

/** Where the tokens are kept: in this tab, until it is closed. */
const PREFIX = "oidc.";

/** The codes by which a token endpoint refuses a request for good (RFC 6749, section 5.2). */
const REFUSALS: ReadonlySet<unknown> = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
]);

export interface Person {
  readonly id: string;
  readonly email: string;
}

/** A session that could not be renewed, although it may still be valid. The next call tries again. */
export class RenewalError extends Error {
  constructor(cause: unknown) {
    super("Your sign-in could not be renewed. Check your connection, and try again.", { cause });
    this.name = "RenewalError";
  }
}

/** A sign-in that did not begin or did not succeed. Signing in again is the way on. */
export class SignInError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "SignInError";
  }
}

/** The session of one kind of people: customers on the shop's page, operators on the console. */
export class Session {
  readonly #signIn: SignIn;
  /** The page's path: `/` or `/console/`. */
  readonly #base: string;
  readonly #failed: (error: SignInError, path: string) => void;
  readonly #listeners = new Set<() => void>();
  #user: User | null = null;
  #manager: Promise<UserManager> | undefined;
  #renewal: Promise<void> | undefined;

  /**
   * @param signIn Where people sign in.
   * @param base The page's path: `/` or `/console/`.
   * @param failed Shows that a sign-in for a path could not begin.
   */
  constructor(signIn: SignIn, base: string, failed: (error: SignInError, path: string) => void) {
    this.#signIn = signIn;
    this.#base = base;
    this.#failed = failed;
  }

  /** The person who is signed in; null if nobody is. */
  get person(): Person | null {
    if (this.#user === null) return null;
    const { sub, email } = this.#user.profile;
    return { id: sub, email: email ?? "" };
  }

  /**
   * Restores the session of this tab. If the address is that of a return from Cognito's page, ends the sign-in.
   *
   * @returns The path to show then; null if the address is no such return.
   * @throws SignInError if the sign-in did not succeed, and nobody was signed in before.
   */
  async start(): Promise<string | null> {
    const url = new URL(location.href);
    if (url.pathname === `${this.#base}signed-in`) return this.#finish();
    await this.#restore();
    return null;
  }

  /** Goes to Cognito's page, which returns to a path of this page. */
  async signIn(path: string): Promise<void> {
    try {
      await (await this.#load()).signinRedirect({ state: path });
    } catch (error) {
      const text = "The page for signing in cannot be reached. Check your connection, and try again.";
      this.#failed(new SignInError(text, error), path);
    }
  }

  /** Signs out here and at Cognito. */
  async signOut(): Promise<void> {
    const manager = await this.#load();
    await manager.removeUser();
    const query = new URLSearchParams({
      client_id: this.#signIn.clientId,
      logout_uri: `${location.origin}${this.#base}`,
    });
    location.assign(`${this.#signIn.domain}/logout?${query.toString()}`);
  }

  /**
   * Returns the ID token, renewed if it expires within half a minute; null if nobody is signed in.
   *
   * @throws RenewalError if the token has expired, and no answer came to the request for another.
   */
  async token(): Promise<string | null> {
    if (this.#user !== null && secondsOf(this.#user) < 30) {
      try {
        await this.#renew();
      } catch (error) {
        // The API still accepts a token in its last half minute.
        if (secondsOf(this.#user) <= 0) throw error;
      }
    }
    return this.#user?.id_token ?? null;
  }

  /** Ends the session in this tab, because the API no longer accepts its token. */
  async expire(): Promise<void> {
    if (this.#user === null) return;
    await (await this.#load()).removeUser();
    this.#set(null);
  }

  /** Calls a listener whenever the person changes. Returns a function that ends this. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async #finish(): Promise<string> {
    try {
      const user = await (await this.#load()).signinRedirectCallback();
      this.#set(user);
      return typeof user.state === "string" ? user.state : this.#base;
    } catch (error) {
      // An address that was used before, such as after Back, leaves the session as it is.
      await this.#restore();
      if (this.#user !== null) return this.#base;
      throw new SignInError(
        "You are not signed in: the sign-in was interrupted, or its address was used before. Sign in again.",
        error,
      );
    }
  }

  async #restore(): Promise<void> {
    // The library is loaded only for people who have signed in.
    if (!Object.keys(sessionStorage).some((key) => key.startsWith(PREFIX))) return;
    const manager = await this.#load();
    this.#set(await manager.getUser());
    if (this.#user === null || secondsOf(this.#user) > 0) return;
    // If this fails, the page is shown all the same. Its requests try again, and say if they cannot.
    await this.#renew().catch(() => undefined);
  }

  /** Renews the session, once for all calls at the same time. */
  #renew(): Promise<void> {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  /** Renews the session, or ends it if it is over. Throws a RenewalError if neither is known. */
  async #renewOnce(): Promise<void> {
    try {
      const manager = await this.#load();
      const stored = await manager.getUser();
      if (stored?.refresh_token === undefined) await this.expire();
      else this.#set(await renewed(manager, stored));
    } catch (error) {
      if (!isRefusal(error)) throw new RenewalError(error);
      await this.expire();
    }
  }

  #set(user: User | null): void {
    this.#user = user;
    this.#listeners.forEach((listener) => {
      listener();
    });
  }

  #load(): Promise<UserManager> {
    this.#manager ??= this.#create().catch((error: unknown) => {
      // The library's file is fetched again by the next call.
      this.#manager = undefined;
      throw error;
    });
    return this.#manager;
  }

  async #create(): Promise<UserManager> {
    const { UserManager, WebStorageStateStore } = await import("oidc-client-ts");
    const { authority, metadataUrl, clientId } = this.#signIn;
    const store = { prefix: PREFIX, store: sessionStorage };
    return new UserManager({
      authority,
      ...(metadataUrl !== null && { metadataUrl }),
      client_id: clientId,
      redirect_uri: `${location.origin}${this.#base}signed-in`,
      response_type: "code",
      scope: "openid email",
      automaticSilentRenew: false,
      requestTimeoutInSeconds: 10,
      userStore: new WebStorageStateStore(store),
      stateStore: new WebStorageStateStore(store),
    });
  }
}

/** Returns for how many seconds a person's ID token is valid. */
function secondsOf(user: User): number {
  // The page was left while the token was renewed.
  if (user.id_token === undefined) return 0;
  return user.expires_in ?? 0;
}

/** Returns a stored user with new tokens. If there are none, the stored ones stay. */
async function renewed(manager: UserManager, stored: User): Promise<User | null> {
  const { id_token: token } = stored;
  // The stored ID token is dropped first. Otherwise the library refuses a new one with another time of sign-in.
  delete stored.id_token;
  await manager.storeUser(stored);
  try {
    return await manager.signinSilent();
  } catch (error) {
    if (token !== undefined) stored.id_token = token;
    // Unless the person has signed out meanwhile.
    if ((await manager.getUser()) !== null) await manager.storeUser(stored);
    throw error;
  }
}

/** Returns whether the token endpoint itself refused the request. An unreachable one, or a failed one, refuses nothing. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === "ErrorResponse" && REFUSALS.has((error as { error?: unknown }).error);
}
