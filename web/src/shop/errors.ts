/** Why a request failed, in words for customers. */

import { ProblemError } from "../shared/problem";

/** Returns why a request failed. */
export function describeError(error: Error): string {
  // `fetch` fails with a TypeError, whose text is each browser's own.
  if (error instanceof TypeError) return "The shop could not be reached. Check your connection, and try again.";
  return error.message;
}

/** Returns the details of an error, except those about certain fields. */
export function detailsOf(error: Error, except: readonly string[]): readonly string[] {
  if (!(error instanceof ProblemError)) return [describeError(error)];
  return [...error.fields].filter(([field]) => !except.includes(field)).map(([, detail]) => detail);
}
