/** The page of an order: its state, its payment, its timeline, its dead letters, and the actions on it. */

import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";
import { Actions } from "../order/Actions";
import { customerOf } from "../order/customer";
import { DeadLetters } from "../order/DeadLetters";
import { PaymentDetails } from "../order/PaymentDetails";
import { useFollow, useOrder, usePayment, useTimeline } from "../order/queries";
import { Recorded } from "../order/Recorded";
import { Summary } from "../order/Summary";
import { Timeline } from "../order/Timeline";
import { ProblemError } from "../../shared/problem";
import { Page, PageLink, Queried } from "../shared/states";

export default function Order({ id }: { id: string }): ReactNode {
  const order = useOrder(id);
  const payment = usePayment(id);
  const awaited = useFollow(id, order.data?.status === "PENDING");
  const timeline = useTimeline(id, awaited);
  const unknown = order.error instanceof ProblemError && order.error.status === 404;
  return (
    <Page
      title={`Order ${id}`}
      description={<PageLink to="/orders">All orders</PageLink>}
      actions={order.data !== undefined && <Actions order={order.data} payment={payment.data ?? null} />}
    >
      <SpaceBetween size="l">
        <Queried query={order} what="the order">
          {(data) => <Summary order={data} customer={customerOf(timeline.data?.events ?? [])} />}
        </Queried>
        {!unknown && <Timeline query={timeline} />}
        {!unknown && <PaymentDetails id={id} query={payment} />}
        {!unknown && <DeadLetters id={id} />}
        {!unknown && <Recorded id={id} />}
      </SpaceBetween>
    </Page>
  );
}
