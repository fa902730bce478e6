/** One product, and what others bought with it. */

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { formatMoney } from "../../shared/money";
import { usePage } from "../../shared/page";
import { type Product as Found, productQuery } from "../data";
import { Quantity } from "../parts/forms";
import { Page, Shown } from "../parts/Page";
import { Picture } from "../parts/Picture";
import { AddButton, AlsoBought } from "../parts/products";
import { NotFound } from "./NotFound";

export function Product({ sku }: { sku: string }): ReactNode {
  const { api } = usePage();
  const read = useQuery(productQuery(api, sku));
  if (read.data === null) return <NotFound what="product" />;
  // The heading is the product's name, so another one replaces that of the page while it loads.
  return (
    <Page key={read.data === undefined ? "loading" : sku} title={read.data?.name ?? "Product"}>
      <Shown what="the product" read={{ ...read, data: read.data ?? undefined }} rows={2}>
        {(product) => <Details product={product} />}
      </Shown>
    </Page>
  );
}

function Details({ product }: { product: Found }): ReactNode {
  const [quantity, setQuantity] = useState(1);
  return (
    <>
      <div className="split">
        <Picture sku={product.sku} />
        <div className="stack">
          <p className="large price">{formatMoney(product.price)}</p>
          <p className="quiet">Article {product.sku}</p>
          <Quantity of={product.name} value={quantity} onChange={setQuantity} />
          <AddButton product={product} quantity={quantity} primary />
        </div>
      </div>
      <AlsoBought skus={[product.sku]} />
    </>
  );
}
