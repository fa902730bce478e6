/** One order, which changes as events arrive. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useSearch } from "wouter";
import { answer } from "../../shared/api";
import { formatMoney, times } from "../../shared/money";
import { usePage, usePerson } from "../../shared/page";
import { orderQuery, paymentQuery, productQuery, timelineQuery, useOrderPause } from "../data";
import { Question } from "../parts/forms";
import { Steps } from "../parts/orders";
import { PLACED_BEFORE } from "../placing";
import { keepFocus, Page, Shown, SignInFirst } from "../parts/Page";
import {
  describeDispute,
  describeEvent,
  describeReason,
  describeRefund,
  describeStatus,
  firstEvents,
  formatTime,
  hasPayment,
  isUnderWay,
  needsApproval,
  type Order as Found,
  type Payment,
  pointsOf,
  type TimelineEvent,
  trackingOf,
  waitsOf,
} from "../words";
import { Approval } from "../parts/Approval";
import { NotFound } from "./NotFound";

export function Order({ id }: { id: string }): ReactNode {
  if (usePerson() !== null) return <Own id={id} />;
  return (
    <SignInFirst title="Order" path={`/orders/${id}`}>
      Sign in to see your order
    </SignInFirst>
  );
}

function Own({ id }: { id: string }): ReactNode {
  const { api } = usePage();
  const refetchInterval = useOrderPause(id);
  const order = useQuery({ ...orderQuery(api, id), refetchInterval });
  // The timeline is read once it has events. Until then the API answers 404.
  const recorded = order.data != null && isUnderWay(order.data);
  const timeline = useQuery({ ...timelineQuery(api, id), refetchInterval, enabled: recorded });
  const events = timeline.data?.events ?? [];
  const paid = order.data != null && hasPayment(order.data, events);
  const payment = useQuery({ ...paymentQuery(api, id), refetchInterval, enabled: paid });
  const placedBefore = useSearch() === PLACED_BEFORE;
  if (order.data === null) return <NotFound what="order" />;
  return (
    <Page title="Your order">
      <Shown what="the order" read={{ ...order, data: order.data ?? undefined }}>
        {(found) => (
          <div className="split order">
            <div className="stack">
              {placedBefore && (
                <p className="notice" role="status">
                  This order had been placed before, with the address and the payment that you gave then. Nothing was
                  ordered twice.
                </p>
              )}
              <Progress order={found} payment={payment.data} />
              <Facts order={found} payment={payment.data} events={events} />
              <Lines order={found} />
              {(found.status === "PENDING" || found.status === "CONFIRMED") && <Cancellation id={id} />}
            </div>
            <section aria-labelledby="timeline">
              <h2 id="timeline">What happened</h2>
              <Shown what="what happened" read={{ ...timeline, data: recorded ? timeline.data : null }}>
                {(shown) => <Timeline events={shown?.events ?? firstEvents(found)} />}
              </Shown>
            </section>
          </div>
        )}
      </Shown>
    </Page>
  );
}

function Progress({ order, payment }: { order: Found; payment: Payment | null | undefined }): ReactNode {
  return (
    <section className="panel" aria-label="Status">
      <Steps status={order.status} />
      <div role="status" aria-live="polite">
        <p className="large">
          <strong>{describeStatus(order.status)}</strong>
        </p>
        {order.status === "CANCELLED" && <p>{describeReason(order.reason)}</p>}
        {order.status === "CONFIRMED" && <p>We are packing your parcel.</p>}
        {waitsOf(order, payment).map((text) => (
          <p key={text} className="waits">
            {text}
          </p>
        ))}
      </div>
      {payment?.approval && needsApproval(order, payment) && <Approval id={order.id} approval={payment.approval} />}
    </section>
  );
}

/** Refunds, disputes, a tracking code and points, if there are any. */
function Facts(props: {
  order: Found;
  payment: Payment | null | undefined;
  events: readonly TimelineEvent[];
}): ReactNode {
  const { order, payment, events } = props;
  const points = pointsOf(events);
  const tracking = trackingOf(events);
  const facts = [
    ...(payment?.refunds ?? []).map(describeRefund),
    ...(order.dispute ? [describeDispute(order.dispute)] : []),
    ...(tracking ? [`The parcel's tracking code is ${tracking}.`] : []),
    ...(points > 0 ? [`You earned ${points} points with this order.`] : []),
  ];
  if (facts.length === 0) return null;
  return (
    <ul className="facts">
      {facts.map((fact, n) => (
        <li key={n}>{fact}</li>
      ))}
    </ul>
  );
}

function Lines({ order: { id, lines, total, created_at } }: { order: Found }): ReactNode {
  return (
    <section aria-labelledby="lines">
      <h2 id="lines">What you ordered</h2>
      <ul className="lines">
        {lines.map(({ sku, quantity, price }) => (
          <li key={sku} className="line">
            <span className="what">
              <span>
                {quantity} × <ProductName sku={sku} />
              </span>
              <span className="quiet">{formatMoney(price)} each</span>
            </span>
            <span className="price">{formatMoney(times(price, quantity))}</span>
          </li>
        ))}
      </ul>
      <p className="row large">
        <span>Total</span> <strong>{formatMoney(total)}</strong>
      </p>
      <p className="quiet">
        Ordered on <time dateTime={created_at}>{formatTime(created_at)}</time>. Number <code>{id}</code>
      </p>
    </section>
  );
}

function ProductName({ sku }: { sku: string }): ReactNode {
  const { api } = usePage();
  const { data } = useQuery(productQuery(api, sku));
  return data ? <Link href={`/products/${sku}`}>{data.name}</Link> : sku;
}

function Timeline({ events }: { events: readonly TimelineEvent[] }): ReactNode {
  return (
    <ol className="timeline">
      {events.map((event) => (
        <li key={event.id}>
          <span>{describeEvent(event)}</span>
          <time className="quiet" dateTime={event.time}>
            {formatTime(event.time)}
          </time>
        </li>
      ))}
    </ol>
  );
}

function Cancellation({ id }: { id: string }): ReactNode {
  const { api } = usePage();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  // A cancelled order has no button for it.
  useEffect(() => keepFocus, []);
  const cancelling = useMutation({
    mutationFn: () => answer(api.POST("/orders/{id}/cancellation", { params: { path: { id } } })),
    onSuccess: (order) => {
      setAsking(false);
      queries.setQueryData(orderQuery(api, id).queryKey, order);
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["orders"] }),
  });
  return (
    <div>
      <button
        onClick={() => {
          cancelling.reset();
          setAsking(true);
        }}
      >
        Cancel the order
      </button>
      {asking && (
        <Question
          title="Cancel this order?"
          yes="Cancel the order"
          no="Keep it"
          busy={cancelling.isPending}
          problem={cancelling.error}
          onYes={() => {
            cancelling.mutate();
          }}
          onNo={() => {
            setAsking(false);
          }}
        >
          <p>It cannot be undone. If you have paid, the money goes back to you.</p>
        </Question>
      )}
    </div>
  );
}
