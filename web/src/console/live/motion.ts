/** Whether the person wants less motion. */

import { useSyncExternalStore } from "react";

const REDUCED = window.matchMedia("(prefers-reduced-motion: reduce)");

/** Returns true if the person has asked the system for less motion. */
export function useReducedMotion(): boolean {
  return useSyncExternalStore(watch, () => REDUCED.matches);
}

function watch(watcher: () => void): () => void {
  REDUCED.addEventListener("change", watcher);
  return () => {
    REDUCED.removeEventListener("change", watcher);
  };
}
