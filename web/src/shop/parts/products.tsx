/** Products as cards, and those that are bought together. */

import { useQueries } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import { Link } from "wouter";
import { MAX_LINES } from "../../generated/limits";
import { formatMoney } from "../../shared/money";
import { usePage } from "../../shared/page";
import { addToBasket, useBasket } from "../basket";
import { type Product, productQuery, recommendationsQuery } from "../data";
import { Picture } from "./Picture";

/** Number of products that are shown as bought together. */
const SHOWN = 4;

/** Number of a basket's products whose recommendations are asked for. */
const ASKED = 3;

/** Puts units of a product into the basket, and says so. */
export function AddButton(props: { product: Product; quantity?: number; primary?: boolean }): ReactNode {
  const { product, quantity = 1, primary = false } = props;
  const basket = useBasket();
  const [added, setAdded] = useState(0);
  const inside = basket.find(({ sku }) => sku === product.sku)?.quantity ?? 0;
  const full = inside === 0 && basket.length >= MAX_LINES;
  return (
    <div className="add">
      <button
        className={primary ? "primary" : ""}
        disabled={full}
        onClick={() => {
          addToBasket(product.sku, quantity);
          setAdded(added + 1);
        }}
      >
        <span>
          Add<span className="unseen"> {product.name}</span>
          <span className={primary ? "" : "unseen"}> to the basket</span>
        </span>
        {!primary && added > 0 && (
          <span className="count" aria-hidden="true">
            {inside}
          </span>
        )}
      </button>
      <span role="status" className={primary || full ? "quiet" : "unseen"}>
        {full ? `The basket is full: it holds ${MAX_LINES} products.` : added > 0 && `${inside} in the basket`}
      </span>
    </div>
  );
}

/** A product in a list. */
export function ProductCard({ product }: { product: Product }): ReactNode {
  return (
    <li className="card">
      <Link href={`/products/${product.sku}`} className="cover">
        <Picture sku={product.sku} />
        <span className="name">{product.name}</span>
      </Link>
      <div className="row">
        <span className="price">{formatMoney(product.price)}</span>
        <AddButton product={product} />
      </div>
    </li>
  );
}

/** Products that are bought with others, the most frequent one first. */
export function AlsoBought({ skus }: { skus: readonly string[] }): ReactNode {
  const { api } = usePage();
  const id = useId();
  const asked = useQueries({ queries: skus.slice(0, ASKED).map((sku) => recommendationsQuery(api, sku)) });
  const counts = new Map<string, number>();
  for (const { sku, count } of asked.flatMap(({ data }) => data?.items ?? [])) {
    if (!skus.includes(sku)) counts.set(sku, (counts.get(sku) ?? 0) + count);
  }
  const best = [...counts].sort(([, one], [, other]) => other - one).slice(0, SHOWN);
  const products = useQueries({ queries: best.map(([sku]) => productQuery(api, sku)) });
  // A product that is no longer sold has no data.
  const found = products.flatMap(({ data }) => data ?? []);
  if (found.length === 0) return null;
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>Also bought</h2>
      <ul className="cards">
        {found.map((product) => (
          <ProductCard key={product.sku} product={product} />
        ))}
      </ul>
    </section>
  );
}
