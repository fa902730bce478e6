/** The idempotency keys of requests whose answers are not known, so that a repeat does nothing a second time. */

/**
 * Returns the idempotency key of a request: the same one for each repeat, until it is forgotten.
 *
 * The key is kept in this tab, because an answer can be lost with the page: a reload is followed by the same request.
 *
 * @param request What makes the request: who sends it, its name, its subject, and its body.
 */
export function keyOf(...request: readonly string[]): string {
  const name = nameOf(request);
  const key = sessionStorage.getItem(name) ?? crypto.randomUUID();
  sessionStorage.setItem(name, key);
  return key;
}

/** Forgets the key of a request that has succeeded. The same request is then another one. */
export function forgetKey(...request: readonly string[]): void {
  sessionStorage.removeItem(nameOf(request));
}

function nameOf(request: readonly string[]): string {
  return `request ${JSON.stringify(request)}`;
}
