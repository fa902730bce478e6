/** The caller's own orders. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import { formatMoney } from "../../shared/money";
import { usePerson } from "../../shared/page";
import { useOrders } from "../data";
import { Status } from "../parts/orders";
import { Empty, More, Page, Shown, SignInFirst } from "../parts/Page";
import { formatTime } from "../words";

export function Orders(): ReactNode {
  if (usePerson() !== null) return <Own />;
  return (
    <SignInFirst title="Orders" path="/orders">
      Sign in to see your orders
    </SignInFirst>
  );
}

function Own(): ReactNode {
  const { query, items } = useOrders();
  return (
    <Page title="Orders">
      <Shown what="your orders" read={{ ...query, data: items }} rows={4}>
        {(orders) =>
          orders.length === 0 ? (
            <Empty title="You have not ordered anything yet">
              <Link href="/" className="button">
                See the products
              </Link>
            </Empty>
          ) : (
            <>
              <ul className="rows">
                {orders.map(({ id, status, total, created_at }) => (
                  <li key={id}>
                    <Link href={`/orders/${id}`}>
                      <time dateTime={created_at}>{formatTime(created_at)}</time>
                      <Status status={status} />
                      <span className="price">{formatMoney(total)}</span>
                    </Link>
                  </li>
                ))}
              </ul>
              <More what="orders" query={query} />
            </>
          )
        }
      </Shown>
    </Page>
  );
}
