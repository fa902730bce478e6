/** Products and their stock, as the API shows them. */

import type { components } from "../../generated/api";
import { answer, type Api } from "../../shared/api";
import { ProblemError } from "../../shared/problem";

export type Product = components["schemas"]["Product"];
export type Stock = components["schemas"]["StockView"];

/** Reads the stock of a product; null if it was never set. */
export async function fetchStock(api: Api, sku: string): Promise<Stock | null> {
  try {
    return await answer(api.GET("/operators/stock/{sku}", { params: { path: { sku } } }));
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return null;
    throw error;
  }
}
