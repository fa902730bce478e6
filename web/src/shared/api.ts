/** The client of the API, typed by its OpenAPI document. */

import createClient, { type Client } from "openapi-fetch";
import type { paths } from "../generated/api";
import type { Config } from "./config";
import { problemOf } from "./problem";
import type { Session } from "./session";

export type Api = Client<paths>;

/** Returns a client whose requests have the person's token. */
export function createApi(config: Config, session: Session): Api {
  const api = createClient<paths>({ baseUrl: config.api });
  api.use({
    async onRequest({ request }) {
      const token = await session.token();
      if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
    async onResponse({ response }) {
      if (response.status === 401) await session.expire();
      return response;
    },
  });
  return api;
}

/**
 * Returns the body of an answer.
 *
 * @throws ProblemError if the API refused the request.
 */
export async function answer<Data>(
  pending: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Data> {
  const { data, error, response } = await pending;
  if (data === undefined) throw problemOf(response.status, error);
  return data;
}
