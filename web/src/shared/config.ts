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

/** A configuration that cannot be read. The page cannot start without it. */
export class ConfigError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "ConfigError";
  }
}

/**
 * Fetches the configuration.
 *
 * @throws ConfigError if the server does not answer with it.
 */
export async function fetchConfig(): Promise<Config> {
  let answer: Response;
  try {
    answer = await fetch("/config.json", { cache: "no-cache" });
  } catch (error) {
    throw new ConfigError("The server cannot be reached. Check your connection, and try again.", error);
  }
  if (!answer.ok) throw new ConfigError(`The configuration cannot be read: the server answered ${answer.status}.`);
  // A server that does not know the file may answer with a page.
  const config: unknown = await answer.json().catch(() => null);
  if (!isConfig(config))
    throw new ConfigError("The configuration cannot be read: the server answered with another file.");
  return config;
}

function isConfig(value: unknown): value is Config {
  return typeof value === "object" && value !== null && "api" in value && "users" in value && "operators" in value;
}
