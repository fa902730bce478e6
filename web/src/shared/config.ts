/** The configuration of the deployed stage. The command line uploads it beside the page, so one build serves all. */

export interface SignIn {
  /** The issuer's address. */
  readonly authority: string;
  /** The address of the issuer's metadata, if it is not below the issuer's. */
  readonly metadataUrl: string | null;
  readonly clientId: string;
  /** The address of the pages for signing in and out. */
  readonly domain: string;
}

export interface Config {
  readonly stage: string;
  readonly title: string;
  /** The path of the API under the page's origin. */
  readonly api: string;
  /** The address of the WebSocket API. */
  readonly live: string;
  readonly gateway: "simulated" | "stripe";
  readonly publishableKey: string;
  /** The payment methods that the gateway takes. */
  readonly paymentMethods: readonly string[];
  readonly users: SignIn;
  readonly operators: SignIn;
}

/**
 * Fetches the configuration.
 *
 * @throws Error if the server does not answer with it.
 */
export async function fetchConfig(): Promise<Config> {
  const answer = await fetch("/config.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`The configuration cannot be read: the server answered ${answer.status}.`);
  return (await answer.json()) as Config;
}
