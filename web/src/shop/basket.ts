/** The basket. It is kept in this browser, so it survives a reload and a sign-in, and all tabs have the same. */

import { useSyncExternalStore } from "react";
import { MAX_LINES, MAX_QUANTITY, SKU } from "../generated/limits";

export interface BasketLine {
  readonly sku: string;
  readonly quantity: number;
}

export type Basket = readonly BasketLine[];

const KEY = "basket";
const SKU_PATTERN = new RegExp(SKU);
const EMPTY: Basket = [];

/**
 * Returns the basket in a stored text. Others can write there too, and earlier versions of this page did. So lines that
 * no order may have are left out, and quantities are brought into their limits.
 */
export function parseBasket(text: string | null): Basket {
  let content: unknown;
  try {
    content = JSON.parse(text ?? "[]");
  } catch {
    return EMPTY;
  }
  if (!Array.isArray(content)) return EMPTY;
  return content.filter(isLine).reduce((basket, { sku, quantity }) => withAdded(basket, sku, quantity), EMPTY);
}

function isLine(value: unknown): value is BasketLine {
  if (typeof value !== "object" || value === null || !("sku" in value) || !("quantity" in value)) return false;
  const { sku, quantity } = value;
  return typeof sku === "string" && SKU_PATTERN.test(sku) && Number.isInteger(quantity) && Number(quantity) > 0;
}

/** Returns the basket with more units of a product; the same one if it would have too many products. */
export function withAdded(basket: Basket, sku: string, quantity: number): Basket {
  const line = basket.find((each) => each.sku === sku);
  if (line !== undefined) return withQuantity(basket, sku, line.quantity + quantity);
  return basket.length < MAX_LINES ? [...basket, { sku, quantity: within(quantity) }] : basket;
}

/** Returns the basket with another quantity of a product in it. A quantity of 0 removes the product. */
export function withQuantity(basket: Basket, sku: string, quantity: number): Basket {
  if (quantity === 0) return basket.filter((line) => line.sku !== sku);
  return basket.map((line) => (line.sku === sku ? { sku, quantity: within(quantity) } : line));
}

function within(quantity: number): number {
  return Math.max(1, Math.min(MAX_QUANTITY, Math.trunc(quantity)));
}

/** Returns the number of units in a basket. */
export function unitsIn(basket: Basket): number {
  return basket.reduce((units, { quantity }) => units + quantity, 0);
}

/** The basket of this browser, which components watch. */
class BasketStore {
  readonly #watchers = new Set<() => void>();
  #text: string | null = null;
  #basket: Basket = EMPTY;

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    window.addEventListener("storage", watcher);
    return () => {
      this.#watchers.delete(watcher);
      window.removeEventListener("storage", watcher);
    };
  };

  /** The same basket returns the same object, which React compares. */
  read = (): Basket => {
    const text = this.#load();
    if (text !== this.#text) {
      this.#text = text;
      this.#basket = parseBasket(text);
    }
    return this.#basket;
  };

  change = (change: (basket: Basket) => Basket): void => {
    this.#basket = change(this.read());
    this.#text = JSON.stringify(this.#basket);
    try {
      localStorage.setItem(KEY, this.#text);
    } catch {
      // The browser stores nothing for this page. The basket lasts until it is closed.
    }
    this.#watchers.forEach((watcher) => {
      watcher();
    });
  };

  #load(): string | null {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return this.#text;
    }
  }
}

const store = new BasketStore();

/** Returns the basket of this browser. */
export function useBasket(): Basket {
  return useSyncExternalStore(store.watch, store.read);
}

/** Puts units of a product into the basket. */
export function addToBasket(sku: string, quantity: number): void {
  store.change((basket) => withAdded(basket, sku, quantity));
}

/** Changes the quantity of a product in the basket. A quantity of 0 removes the product. */
export function setQuantity(sku: string, quantity: number): void {
  store.change((basket) => withQuantity(basket, sku, quantity));
}

/** Empties the basket. */
export function clearBasket(): void {
  store.change(() => EMPTY);
}
