/** What the products of a basket or of an order are, and cost. */

import { useQueries } from "@tanstack/react-query";
import { type Money, sum, times } from "../shared/money";
import { usePage } from "../shared/page";
import type { BasketLine } from "./basket";
import { type Product, productQuery } from "./data";

/** A line with its product; null if the product is no longer sold. */
export type Priced<Line> = Line & { readonly product: Product | null };

export interface Prices {
  readonly lines: readonly Priced<BasketLine>[];
  /** The sum of the lines that have a price; null if there is none in one currency. */
  readonly total: Money | null;
  /** Why the lines cannot be ordered; null if they can. */
  readonly problem: string | null;
}

/** Returns what lines cost. */
export function priceLines(lines: readonly Priced<BasketLine>[]): Prices {
  const amounts = lines.flatMap(({ product, quantity }) => (product ? [times(product.price, quantity)] : []));
  const [first, ...rest] = amounts;
  if (lines.some(({ product }) => product === null)) {
    return { lines, total: null, problem: "Remove what is no longer sold, to check out." };
  }
  if (first === undefined) return { lines, total: null, problem: "There is nothing to order." };
  if (rest.some(({ currency }) => currency !== first.currency)) {
    return { lines, total: null, problem: "These products are sold in different currencies. Order them one by one." };
  }
  return { lines, total: sum([first, ...rest]), problem: null };
}

/** Reads the products of lines, and returns what they cost once all are known. */
export function usePrices(lines: readonly BasketLine[]): {
  readonly data: Prices | undefined;
  readonly error: Error | null;
  readonly refetch: () => Promise<void>;
} {
  const { api } = usePage();
  const reads = useQueries({ queries: lines.map(({ sku }) => productQuery(api, sku)) });
  const found = lines.map((line, n) => ({ ...line, product: reads[n]?.data }));
  const refetch = async () => {
    await Promise.all(reads.map((read) => read.refetch()));
  };
  const error = reads.find((read) => read.error)?.error ?? null;
  return { data: found.every(isPriced) ? priceLines(found) : undefined, error, refetch };
}

function isPriced(line: BasketLine & { product: Product | null | undefined }): line is Priced<BasketLine> {
  return line.product !== undefined;
}
