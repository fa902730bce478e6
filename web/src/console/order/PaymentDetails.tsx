/** The payment of an order, with its refunds and disputes. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { formatMoney } from "../../shared/money";
import { usePage } from "../../shared/page";
import { Status } from "../shared/Status";
import { Empty, Queried, Time } from "../shared/states";
import { Confirm } from "./Confirm";
import type { Payment, Refund } from "./queries";
import { PAYMENT_STATUS, REFUND_STATUS, sentence } from "./status";

export function PaymentDetails({ id, query }: { id: string; query: UseQueryResult<Payment | null> }): ReactNode {
  return (
    <Container header={<Header variant="h2">Payment</Header>}>
      <Queried query={query} what="the payment">
        {(payment) =>
          payment === null ? (
            <Empty title="No payment yet">It begins when the service of payments has handled the order.</Empty>
          ) : (
            <SpaceBetween size="l">
              <Facts payment={payment} />
              {payment.refunds.length > 0 && <Refunds id={id} refunds={payment.refunds} />}
            </SpaceBetween>
          )
        }
      </Queried>
    </Container>
  );
}

function Facts({ payment: { status, payment, amount, left, due, disputes } }: { payment: Payment }): ReactNode {
  const { type, text } = PAYMENT_STATUS[status];
  return (
    <KeyValuePairs
      columns={4}
      items={[
        { label: "Status", value: <StatusIndicator type={type}>{text}</StatusIndicator> },
        { label: "Amount", value: amount === null ? "–" : formatMoney(amount) },
        { label: "Can still be refunded", value: left === null ? "–" : formatMoney(left) },
        { label: "Id at the gateway", value: payment === null ? "–" : <Box variant="code">{payment}</Box> },
        ...(due === null ? [] : [{ label: "The gateway is asked again", value: <Time at={due} /> }]),
        ...disputes.map((dispute) => ({ label: `Dispute ${dispute.id}`, value: sentence(dispute.status) })),
      ]}
    />
  );
}

/** What can be done about a failed refund. */
interface Remedy {
  readonly refund: Refund;
  readonly action: "retry" | "settle";
}

function Refunds({ id, refunds }: { id: string; refunds: readonly Refund[] }): ReactNode {
  const { api } = usePage();
  const [remedy, setRemedy] = useState<Remedy | null>(null);
  return (
    <>
      <Table
        variant="embedded"
        items={refunds}
        trackBy="id"
        header={<Header variant="h3">Refunds</Header>}
        ariaLabels={{ tableLabel: "Refunds" }}
        columnDefinitions={[
          { id: "amount", header: "Amount", cell: ({ amount }) => formatMoney(amount), isRowHeader: true },
          { id: "reason", header: "Reason", cell: ({ reason }) => sentence(reason) },
          {
            id: "status",
            header: "Status",
            cell: ({ status, code }) => (
              <Status
                type={REFUND_STATUS[status].type}
                text={REFUND_STATUS[status].text}
                note={status === "failed" ? code : ""}
              />
            ),
          },
          { id: "attempt", header: "Attempt", cell: ({ attempt }) => attempt },
          { id: "at", header: "Last change", cell: ({ at }) => <Time at={at} /> },
          {
            id: "actions",
            header: "Actions",
            cell: (refund) =>
              refund.status === "failed" && (
                <SpaceBetween size="xs" direction="horizontal">
                  <Button
                    variant="inline-link"
                    onClick={() => {
                      setRemedy({ refund, action: "retry" });
                    }}
                  >
                    Try again
                  </Button>
                  <Button
                    variant="inline-link"
                    onClick={() => {
                      setRemedy({ refund, action: "settle" });
                    }}
                  >
                    Settle
                  </Button>
                </SpaceBetween>
              ),
          },
        ]}
      />
      {remedy?.action === "retry" && (
        <Confirm
          id={id}
          title="Try the refund again"
          action="Try again"
          failure="The refund could not be tried again"
          run={() =>
            answer(
              api.POST("/operators/orders/{id}/refunds/{refund}/attempts", {
                params: { path: { id, refund: remedy.refund.id } },
              }),
            )
          }
          onClose={() => {
            setRemedy(null);
          }}
        >
          The gateway is asked once more to return {formatMoney(remedy.refund.amount)}.
        </Confirm>
      )}
      {remedy?.action === "settle" && (
        <Confirm
          id={id}
          title="Settle the refund"
          action="Settle"
          failure="The refund could not be settled"
          run={() =>
            answer(
              api.POST("/operators/orders/{id}/refunds/{refund}/settlement", {
                params: { path: { id, refund: remedy.refund.id } },
              }),
            )
          }
          onClose={() => {
            setRemedy(null);
          }}
        >
          This records that {formatMoney(remedy.refund.amount)} went back to the customer in another way, for example by
          bank transfer. The gateway is not asked again.
        </Confirm>
      )}
    </>
  );
}
