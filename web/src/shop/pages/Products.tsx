/** All products. */

import type { ReactNode } from "react";
import { useProducts } from "../data";
import { Empty, More, Page, Shown } from "../parts/Page";
import { ProductCard } from "../parts/products";

export function Products(): ReactNode {
  const { query, items } = useProducts();
  return (
    <Page title="Products">
      <Shown what="the products" read={{ ...query, data: items }} rows={8} cards>
        {(products) =>
          products.length === 0 ? (
            <Empty title="There is nothing to buy yet">
              <p>Please come back later.</p>
            </Empty>
          ) : (
            <>
              <ul className="cards">
                {products.map((product) => (
                  <ProductCard key={product.sku} product={product} />
                ))}
              </ul>
              <More what="products" query={query} />
            </>
          )
        }
      </Shown>
    </Page>
  );
}
