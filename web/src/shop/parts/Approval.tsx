/** The customer's approval of a payment: in a window of Stripe's script, or on the page of the simulated bank. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { usePage } from "../../shared/page";
import { describeError } from "../errors";
import type { Payment } from "../words";
import { Button } from "./forms";

type Needed = NonNullable<Payment["approval"]>;

export function Approval({ id, approval }: { id: string; approval: Needed }): ReactNode {
  const { config } = usePage();
  const queries = useQueryClient();
  const approving = useMutation({
    mutationFn: async () => {
      const { approve } = await import("../stripe/load");
      await approve(approval.publishable_key, approval.client_secret);
    },
    // The decision reaches the shop from the bank, so the page only shows the order again.
    onSettled: () => queries.invalidateQueries({ queryKey: ["orders", id] }),
  });
  if (approval.url) {
    return (
      <p>
        <a className="button primary" href={bankAddress(config.api, id, approval.url)} target="_blank" rel="noreferrer">
          Go to your bank <span className="unseen">(in a new tab)</span>
        </a>
      </p>
    );
  }
  return (
    <>
      <Button
        className="primary"
        inactive={approving.isPending}
        onClick={() => {
          approving.mutate();
        }}
      >
        {approving.isPending ? "Waiting for your bank…" : "Approve the payment"}
      </Button>
      {approving.error && (
        <p className="problem" role="alert">
          {describeError(approving.error)}
        </p>
      )}
    </>
  );
}

/** Returns the address of the bank's page, which the API may give relative to that of the payment. */
export function bankAddress(api: string, id: string, url: string): string {
  return new URL(url, new URL(`${api}/orders/${id}/payment`, location.origin)).href;
}
