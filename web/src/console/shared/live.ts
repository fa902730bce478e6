/** Queries that follow live events. */

import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import type { EventType } from "../../generated/catalogue";
import type { Notification } from "../../shared/live";
import { useLiveState, useNotifications } from "../../shared/page";

/** The pause between an event and the read, in milliseconds. Events of the same time cause one read. */
const PAUSE = 1000;

/**
 * Reads a query again after an event of some types, and when the connection for live events is open again.
 *
 * @param key The query's key, which is the same whenever the component is shown.
 * @param types The types of the events, in a constant.
 */
export function useInvalidation(key: QueryKey, types: readonly EventType[]): void {
  const queries = useQueryClient();
  const queryKey = useRef(key);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const state = useLiveState();
  const wasLost = useRef(false);
  useNotifications(
    useCallback(
      ({ type }: Notification) => {
        if (timer.current !== undefined || !(types as readonly string[]).includes(type)) return;
        timer.current = setTimeout(() => {
          timer.current = undefined;
          void queries.invalidateQueries({ queryKey: queryKey.current });
        }, PAUSE);
      },
      [queries, types],
    ),
  );
  useEffect(() => {
    if (state === "lost") wasLost.current = true;
    else if (state === "connected" && wasLost.current) {
      wasLost.current = false;
      void queries.invalidateQueries({ queryKey: queryKey.current });
    }
  }, [queries, state]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
}

/** How often what is shown is read again without live events, in milliseconds. */
const POLLING = 30_000;

/**
 * Reads all that is shown again at intervals, if it must be. A dry run is not read again: it is what an operator is
 * about to confirm.
 */
export function usePolling(must: boolean): void {
  const queries = useQueryClient();
  useEffect(() => {
    if (!must) return undefined;
    const interval = setInterval(() => {
      void queries.invalidateQueries({ predicate: ({ queryKey: [name] }) => name !== "recovery" });
    }, POLLING);
    return () => {
      clearInterval(interval);
    };
  }, [queries, must]);
}
