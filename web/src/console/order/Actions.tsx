/** The actions on an order: refund, dispatch, cancel. */

import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { Confirm } from "./Confirm";
import { Dispatch } from "./Dispatch";
import type { Order, Payment } from "./queries";
import { RefundForm } from "./RefundForm";

type Action = "cancel" | "dispatch" | "refund";

export function Actions({ order, payment }: { order: Order; payment: Payment | null }): ReactNode {
  const { api } = usePage();
  const [open, setOpen] = useState<Action | null>(null);
  const close = () => {
    setOpen(null);
  };
  const { id, status } = order;
  const left = payment?.left ?? null;
  const refusals = refusalsOf(order, payment);
  const button = (action: Action, text: string) => (
    <Button
      disabled={refusals[action] !== null}
      disabledReason={refusals[action] ?? ""}
      onClick={() => {
        setOpen(action);
      }}
    >
      {text}
    </Button>
  );
  return (
    <>
      <SpaceBetween size="xs" direction="horizontal">
        {button("refund", "Refund")}
        {button("dispatch", "Dispatch")}
        {button("cancel", "Cancel the order")}
      </SpaceBetween>
      {open === "cancel" && (
        <Confirm
          id={id}
          title="Cancel the order"
          action="Cancel the order"
          failure="The order could not be cancelled"
          run={() => answer(api.POST("/operators/orders/{id}/cancellation", { params: { path: { id } } }))}
          onClose={close}
        >
          {status === "PENDING"
            ? "Its goods are released. A payment that is authorized is voided."
            : "Its goods are released. A payment that is captured is refunded."}
        </Confirm>
      )}
      {open === "dispatch" && <Dispatch id={id} onClose={close} />}
      {open === "refund" && left !== null && <RefundForm id={id} left={left} onClose={close} />}
    </>
  );
}

/** Returns why each action is not possible; null if it is. */
export function refusalsOf({ status }: Order, payment: Payment | null): Readonly<Record<Action, string | null>> {
  const left = payment?.left?.amount ?? 0;
  return {
    cancel:
      status === "CANCELLED" ? "The order is cancelled." : status === "DISPATCHED" ? "The goods have left." : null,
    dispatch: status === "CONFIRMED" ? null : "Only a confirmed order can be dispatched.",
    refund: left > 0 ? null : "There is no captured payment of which something is left.",
  };
}
