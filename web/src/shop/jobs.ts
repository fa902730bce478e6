/** The exports and erasures that a person requested, so that a reload finds them again. */

export type JobKind = "export" | "erasure";

/** Returns the id of the job that a person requested last in this tab; null if there is none. */
export function readJob(person: string, kind: JobKind): string | null {
  return sessionStorage.getItem(nameOf(person, kind));
}

/** Keeps a job's id. Its request was answered, so the next one is another request. */
export function rememberJob(person: string, kind: JobKind, id: string): void {
  sessionStorage.setItem(nameOf(person, kind), id);
  sessionStorage.removeItem(`${nameOf(person, kind)}.key`);
}

/** Forgets a job. */
export function forgetJob(person: string, kind: JobKind): void {
  sessionStorage.removeItem(nameOf(person, kind));
}

/** Returns the idempotency key of a request: the same one until it is answered. */
export function newRequest(person: string, kind: JobKind): string {
  const name = `${nameOf(person, kind)}.key`;
  const key = sessionStorage.getItem(name) ?? crypto.randomUUID();
  sessionStorage.setItem(name, key);
  return key;
}

function nameOf(person: string, kind: JobKind): string {
  return `${kind}.${person}`;
}
