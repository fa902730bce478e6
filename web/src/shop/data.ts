/** What the shop reads from the API: when, and for how long it counts. */

import { queryOptions, useInfiniteQuery, type UseInfiniteQueryResult, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import type { components } from "../generated/api";
import { answer, type Api } from "../shared/api";
import type { Notification } from "../shared/live";
import { useLiveState, useNotifications, usePage } from "../shared/page";
import { ProblemError } from "../shared/problem";
import { isOpen, type Order, type Payment } from "./words";

export type Product = components["schemas"]["Product"];
export type Summary = components["schemas"]["Summary"];
export type PointsEntry = components["schemas"]["PointsEntry"];
type Points = components["schemas"]["LoyaltyView"];

/** How long prices count as new, in milliseconds. An order is placed only for the total that was shown. */
const PRICES = 60_000;

/** How often an open order is read again, in milliseconds. */
const OPEN = 30_000;

/** Pause between two reads just after an event, in milliseconds: services handle an event one after the other. */
const SOON = 1_500;

/** For how long after an event that goes on, in milliseconds. */
const NEWS = 10_000;

export const productQuery = (api: Api, sku: string) =>
  queryOptions({
    queryKey: ["products", "one", sku],
    queryFn: async (): Promise<Product | null> => {
      return orNull(answer(api.GET("/products/{sku}", { params: { path: { sku } } })));
    },
    staleTime: PRICES,
  });

export const recommendationsQuery = (api: Api, sku: string) =>
  queryOptions({
    queryKey: ["recommendations", sku],
    queryFn: () => answer(api.GET("/recommendations/{sku}", { params: { path: { sku }, query: { limit: 8 } } })),
    staleTime: PRICES,
  });

export const orderQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["orders", id, "order"],
    queryFn: () => orNull(answer(api.GET("/orders/{id}", { params: { path: { id } } }))),
  });

export const paymentQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["orders", id, "payment"],
    queryFn: () => orNull(answer(api.GET("/orders/{id}/payment", { params: { path: { id } } }))),
  });

export const timelineQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["orders", id, "timeline"],
    queryFn: () => orNull(answer(api.GET("/orders/{id}/timeline", { params: { path: { id } } }))),
  });

export const jobQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["jobs", id],
    queryFn: () => orNull(answer(api.GET("/me/jobs/{id}", { params: { path: { id } } }))),
  });

/** Returns an answer; null if there is no such thing, which is also so if its id has not the form of one. */
async function orNull<Data>(pending: Promise<Data>): Promise<Data | null> {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof ProblemError && (error.status === 404 || error.status === 422)) return null;
    throw error;
  }
}

/** A list that the API gives in pages, as far as it was read. */
export interface Pages<Item, Content extends Page<Item> = Page<Item>> {
  readonly query: UseInfiniteQueryResult;
  readonly pages: readonly Content[] | undefined;
  readonly items: readonly Item[] | undefined;
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * Reads a list page by page.
 *
 * @param key The key of the query.
 * @param read Reads a page.
 * @param options The number of items in a page, and whether items can change by themselves.
 */
function usePages<Item, Content extends Page<Item>>(
  key: readonly string[],
  read: (query: PageQuery) => Promise<Content & Page<Item>>,
  { limit = 20, changes = () => false }: { limit?: number; changes?: (items: readonly Item[]) => boolean } = {},
): Pages<Item, Content> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => read(pageParam === null ? { limit } : { limit, cursor: pageParam }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    refetchInterval: ({ state }) => (state.data?.pages.some(({ items }) => changes(items)) ? OPEN : false),
  });
  const pages = query.data?.pages;
  return { query, pages, items: pages?.flatMap(({ items }) => items) };
}

/** Reads the products. Each is then known by itself, too. */
export function useProducts(): Pages<Product> {
  const { api } = usePage();
  const queries = useQueryClient();
  const read = async (query: PageQuery) => {
    const page = await answer(api.GET("/products", { params: { query } }));
    for (const product of page.items) queries.setQueryData(productQuery(api, product.sku).queryKey, product);
    return page;
  };
  return usePages(["products", "all"], read, { limit: 60 });
}

/** Reads the caller's orders, the newest first. */
export function useOrders(): Pages<Summary> {
  const { api } = usePage();
  return usePages(["orders", "list"], (query) => answer(api.GET("/orders", { params: { query } })), {
    changes: (orders) => orders.some(({ status }) => status === "PENDING" || status === "CONFIRMED"),
  });
}

/** Reads the caller's points: in each page the balance, and orders that earned them. */
export function usePoints(): Pages<PointsEntry, Points> {
  const { api } = usePage();
  return usePages(["loyalty"], (query) => answer(api.GET("/loyalty", { params: { query } })));
}

/**
 * Returns how long to wait until an order is read again; false if nothing more happens to it.
 *
 * @param sinceNews The time since the last event of the order, in milliseconds.
 */
export function pauseFor(
  order: Order | null | undefined,
  payment: Payment | null | undefined,
  sinceNews: number,
): number | false {
  if (sinceNews < NEWS) return SOON;
  return order && isOpen(order, payment) ? OPEN : false;
}

/**
 * Returns a function that says how long to wait until an order is read again.
 *
 * An event can be pushed before all services have handled it. So the order is read again and again for a while.
 */
export function useOrderPause(id: string): () => number | false {
  const { api } = usePage();
  const queries = useQueryClient();
  const news = useRef(0);
  useEffect(() => {
    news.current = Date.now();
  }, [id]);
  useNotifications(
    useCallback(
      ({ subject }: Notification) => {
        if (subject === id) news.current = Date.now();
      },
      [id],
    ),
  );
  return useCallback(() => {
    const order = queries.getQueryData(orderQuery(api, id).queryKey);
    const payment = queries.getQueryData(paymentQuery(api, id).queryKey);
    return pauseFor(order, payment, Date.now() - news.current);
  }, [api, id, queries]);
}

/** Reads what is shown again when an event is pushed, and when the connection is back. */
export function useFreshData(): void {
  const queries = useQueryClient();
  const state = useLiveState();
  useNotifications(
    useCallback(
      ({ subject }: Notification) => {
        void queries.invalidateQueries({ queryKey: ["orders", subject] });
        void queries.invalidateQueries({ queryKey: ["orders", "list"] });
        void queries.invalidateQueries({ queryKey: ["loyalty"] });
      },
      [queries],
    ),
  );
  useEffect(() => {
    if (state !== "connected") return;
    void queries.invalidateQueries({ queryKey: ["orders"] });
    void queries.invalidateQueries({ queryKey: ["loyalty"] });
  }, [queries, state]);
}
