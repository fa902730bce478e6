/** The basket, with what others bought with its products. */

import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import { formatMoney, times } from "../../shared/money";
import { type Basket as Lines, type BasketLine, setQuantity, useBasket } from "../basket";
import { Quantity } from "../parts/forms";
import { Empty, keepFocus, Page, Shown } from "../parts/Page";
import { Picture } from "../parts/Picture";
import { AlsoBought } from "../parts/products";
import { type Priced, usePrices } from "../prices";

export function Basket(): ReactNode {
  const basket = useBasket();
  return (
    <Page title="Basket">
      {basket.length === 0 ? (
        <Empty title="Your basket is empty">
          <Link href="/" className="button">
            See the products
          </Link>
        </Empty>
      ) : (
        <Filled basket={basket} />
      )}
    </Page>
  );
}

function Filled({ basket }: { basket: Lines }): ReactNode {
  const prices = usePrices(basket);
  return (
    <>
      <Shown what="the basket" read={prices} rows={basket.length}>
        {({ lines, total, problem }) => (
          <>
            <ul className="lines">
              {lines.map((line) => (
                <Line key={line.sku} line={line} />
              ))}
            </ul>
            <div className="sum">
              {total && (
                <p className="row large">
                  <span>Total</span> <strong>{formatMoney(total)}</strong>
                </p>
              )}
              {problem === null ? (
                <Link href="/checkout" className="button primary">
                  Check out
                </Link>
              ) : (
                <p className="problem" role="alert">
                  {problem}
                </p>
              )}
            </div>
          </>
        )}
      </Shown>
      <AlsoBought skus={basket.map(({ sku }) => sku)} />
    </>
  );
}

function Line({ line }: { line: Priced<BasketLine> }): ReactNode {
  const { sku, quantity, product } = line;
  // The button that removes it had the focus.
  useEffect(() => keepFocus, []);
  const name = product?.name ?? sku;
  return (
    <li className="line">
      <Picture sku={sku} />
      <div className="what">
        {product ? <Link href={`/products/${sku}`}>{name}</Link> : <span>{name}</span>}
        <span className="quiet">{product ? `${formatMoney(product.price)} each` : "It is no longer sold."}</span>
      </div>
      {product && (
        <Quantity
          of={name}
          value={quantity}
          onChange={(changed) => {
            setQuantity(sku, changed);
          }}
        />
      )}
      <span className="price">{product && formatMoney(times(product.price, quantity))}</span>
      <button
        className="plain"
        aria-label={`Remove ${name}`}
        onClick={() => {
          setQuantity(sku, 0);
        }}
      >
        Remove
      </button>
    </li>
  );
}
