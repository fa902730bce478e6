/** What the page of an order reads, and when it reads again. */

import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import type { components } from "../../generated/api";
import { answer } from "../../shared/api";
import type { Notification } from "../../shared/live";
import { useLiveState, useNotifications, usePage } from "../../shared/page";
import { ProblemError } from "../../shared/problem";
import { type Awaited, missing } from "./awaited";

type Schemas = components["schemas"];

export type Order = Schemas["OrderView"];
export type Payment = Schemas["PaymentView"];
export type Refund = Schemas["RefundView"];
export type Timeline = Schemas["Timeline"];
export type DeadLetter = Schemas["DeadLetterView"];
export type Action = Schemas["ActionView"];

/** Notifications that come together are answered by one reading. In milliseconds. */
const DEBOUNCE = 300;

/** How often a pending order is read, in milliseconds. */
const PENDING = 30_000;

/** How many of the latest actions of operators are looked through for those on an order. */
export const MOST_ACTIONS = 1_000;

/** The size of one page of them. */
const ACTIONS_PAGE = 100;

/** How often the timeline is read while it lacks an event that has been announced, in milliseconds. */
const AWAITED = 1_000;

export function useOrder(id: string): UseQueryResult<Order> {
  const { api } = usePage();
  return useQuery({
    queryKey: ["order", id, "state", "view"],
    queryFn: () => answer(api.GET("/operators/orders/{id}", { params: { path: { id } } })),
  });
}

/** Reads an order's payment; null if it has not begun. */
export function usePayment(id: string): UseQueryResult<Payment | null> {
  const { api } = usePage();
  return useQuery({
    queryKey: ["order", id, "state", "payment"],
    queryFn: () => unlessUnknown(answer(api.GET("/operators/orders/{id}/payment", { params: { path: { id } } })), null),
  });
}

/**
 * Reads an order's timeline. The service that records events may do so after an event has been announced: then the
 * timeline is read until it has the event.
 */
export function useTimeline(id: string, awaited: readonly Awaited[]): UseQueryResult<Timeline> {
  const { api } = usePage();
  return useQuery({
    queryKey: ["order", id, "state", "timeline"],
    queryFn: () =>
      unlessUnknown(answer(api.GET("/operators/orders/{id}/timeline", { params: { path: { id } } })), {
        order_id: id,
        events: [],
      }),
    refetchInterval: ({ state: { data } }) => (missing(awaited, data?.events ?? [], Date.now()) ? AWAITED : false),
  });
}

export function useDeadLetters(id: string): UseQueryResult<Schemas["DeadLetterList"]> {
  const { api } = usePage();
  return useQuery({
    queryKey: ["order", id, "operations", "dead-letters"],
    queryFn: () => answer(api.GET("/operators/dead-letters", { params: { query: { order: id } } })),
  });
}

/** The actions on an order, and whether all actions were looked through for them. */
export interface OrderActions {
  readonly items: readonly Action[];
  readonly complete: boolean;
}

/** Reads the actions of operators on messages about an order. */
export function useActions(id: string): UseQueryResult<OrderActions> {
  const { api } = usePage();
  return useQuery({
    queryKey: ["order", id, "operations", "actions"],
    queryFn: async () => {
      const items: Action[] = [];
      let cursor: string | null = null;
      for (let read = 0; read < MOST_ACTIONS; read += ACTIONS_PAGE) {
        const query: { order: string; limit: number; cursor?: string } = { order: id, limit: ACTIONS_PAGE };
        if (cursor !== null) query.cursor = cursor;
        const page: Schemas["ActionPage"] = await answer(api.GET("/operators/actions", { params: { query } }));
        items.push(...page.items);
        cursor = page.next;
        if (cursor === null) break;
      }
      return { items, complete: cursor === null };
    },
  });
}

/**
 * Reads an order again when one of its events arrives; and with its dead letters when a lost connection is back, and
 * every 30 seconds while it is pending. No event tells of a dead letter, and a message that is being listed cannot be
 * redriven, so events cause no list of dead letters.
 *
 * @returns The events that have arrived, for which the timeline waits.
 */
export function useFollow(id: string, pending: boolean): readonly Awaited[] {
  const readAgain = useReadAgain(id);
  const readState = useReadAgain(id, "state");
  const [awaited, setAwaited] = useState<readonly Awaited[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useNotifications(
    useCallback(
      (notification: Notification) => {
        if (notification.subject !== id) return;
        setAwaited((before) => [...before.slice(-50), { id: notification.id, since: Date.now() }]);
        clearTimeout(timer.current);
        timer.current = setTimeout(readState, DEBOUNCE);
      },
      [id, readState],
    ),
  );
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
  const state = useLiveState();
  const before = useRef(state);
  useEffect(() => {
    if (state === "connected" && before.current !== "connected") readAgain();
    before.current = state;
  }, [state, readAgain]);
  useEffect(() => {
    if (!pending) return undefined;
    const interval = setInterval(readAgain, PENDING);
    return () => {
      clearInterval(interval);
    };
  }, [pending, readAgain]);
  return awaited;
}

/** Returns a function that reads all about an order again, or a part. */
export function useReadAgain(id: string, part?: "state" | "operations"): () => void {
  const queries = useQueryClient();
  return useCallback(
    () => void queries.invalidateQueries({ queryKey: ["order", id, ...(part === undefined ? [] : [part])] }),
    [queries, id, part],
  );
}

/** Returns another value if the API does not know what was asked for. */
async function unlessUnknown<Value>(pending: Promise<Value>, otherwise: Value): Promise<Value>;
async function unlessUnknown<Value, Other>(pending: Promise<Value>, otherwise: Other): Promise<Value | Other>;
async function unlessUnknown<Value, Other>(pending: Promise<Value>, otherwise: Other): Promise<Value | Other> {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return otherwise;
    throw error;
  }
}
