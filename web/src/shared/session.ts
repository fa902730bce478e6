/** The session of a person who signs in on Cognito's own page, by the code flow with PKCE. */

import type { User, UserManager } from "oidc-client-ts";
import type { SignIn } from "./config";

/** Where the tokens are kept: in this tab, until it is closed. */
const PREFIX = "oidc.";

export interface Person {
  readonly id: string;
  readonly email: string;
}

/** The session of one kind of people: customers on the shop's page, operators on the console. */
export class Session {
  readonly #signIn: SignIn;
  /** The page's path: `/` or `/console/`. */
  readonly #base: string;
  readonly #listeners = new Set<() => void>();
  #user: User | null = null;
  #manager: Promise<UserManager> | undefined;

  constructor(signIn: SignIn, base: string) {
    this.#signIn = signIn;
    this.#base = base;
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
   * @throws Error if Cognito refused the sign-in.
   */
  async start(): Promise<string | null> {
    const url = new URL(location.href);
    if (url.pathname === `${this.#base}signed-in`) {
      const manager = await this.#load();
      const user = await manager.signinRedirectCallback();
      this.#set(user);
      return typeof user.state === "string" ? user.state : this.#base;
    }
    // The library is loaded only for people who have signed in.
    if (Object.keys(sessionStorage).some((key) => key.startsWith(PREFIX))) {
      const manager = await this.#load();
      this.#set(await manager.getUser());
      if (this.#user?.expired) await this.#renew();
    }
    return null;
  }

  /** Goes to Cognito's page, which returns to a path of this page. */
  async signIn(path: string): Promise<void> {
    await (await this.#load()).signinRedirect({ state: path });
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

  /** Returns the ID token, renewed if it expires within half a minute; null if nobody is signed in. */
  async token(): Promise<string | null> {
    if (this.#user !== null && (this.#user.expires_in ?? 0) < 30) await this.#renew();
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

  async #renew(): Promise<void> {
    const manager = await this.#load();
    try {
      const stored = await manager.getUser();
      if (stored === null) throw new Error("nobody is signed in");
      // The stored ID token is dropped first. Otherwise the library refuses a new one with another time of sign-in.
      delete stored.id_token;
      await manager.storeUser(stored);
      this.#set(await manager.signinSilent());
    } catch {
      await manager.removeUser();
      this.#set(null);
    }
  }

  #set(user: User | null): void {
    this.#user = user;
    this.#listeners.forEach((listener) => {
      listener();
    });
  }

  #load(): Promise<UserManager> {
    this.#manager ??= import("oidc-client-ts").then(({ UserManager, WebStorageStateStore }) => {
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
        userStore: new WebStorageStateStore(store),
        stateStore: new WebStorageStateStore(store),
      });
    });
    return this.#manager;
  }
}
