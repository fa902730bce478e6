/** Why a request failed, in words for customers. */

import { ProblemError } from "../shared/problem";

const SIGNED_OUT = "Your sign-in has ended. Sign in again.";
const BUSY = "The shop is very busy. Try again in a moment.";
const FAILED = "Something failed on our side. You can safely try again: nothing is done twice.";
const REFUSED = "The shop could not accept that. Load the page again, and then try once more.";

/** Returns why a request failed. */
export function describeError(error: Error): string {
  // `fetch` fails with a TypeError, whose text is each browser's own.
  if (error instanceof TypeError) return "The shop could not be reached. Check your connection, and try again.";
  return (error instanceof ProblemError ? describeStatus(error) : null) ?? error.message;
}

/** Returns the details of an error, except those about certain fields. */
export function detailsOf(error: Error, except: readonly string[]): readonly string[] {
  if (!(error instanceof ProblemError)) return [describeError(error)];
  const described = describeStatus(error);
  if (described !== null) return [described];
  return [...error.fields].filter(([field]) => !except.includes(field)).map(([, detail]) => detail);
}

/** Returns what a refusal means whose detail is written for developers of clients; null if its detail is for people. */
function describeStatus({ status, problem: { title, detail } }: ProblemError): string | null {
  if (status === 401) return SIGNED_OUT;
  if (status === 429 || status === 503) return BUSY;
  if (status >= 500) return FAILED;
  // API Gateway refuses with a message only. The client uses it as the title and as the detail.
  return title === detail ? REFUSED : null;
}
