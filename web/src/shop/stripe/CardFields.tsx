/** Stripe's fields for a card. What is typed into them never reaches this page. */

import { Elements, PaymentElement, useElements, useStripe } from "@stripe/react-stripe-js";
import type { StripeElementsOptionsMode } from "@stripe/stripe-js";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, type Ref, useImperativeHandle, useRef, useState } from "react";
import type { Money } from "../../shared/money";
import { usePage } from "../../shared/page";
import { FieldProblem } from "../parts/forms";
import { Loading, Shown } from "../parts/Page";
import { STILL_LOADING } from "../placing";
import { loadStripe } from "./load";

/** Exchanges the card that was typed in for the id of a payment method. */
export type Tokenizer = () => Promise<string>;

interface Props {
  readonly total: Money;
  readonly ref: Ref<Tokenizer>;
  readonly problem: string | undefined;
}

export default function CardFields({ total, ref, problem }: Props): ReactNode {
  const { config } = usePage();
  const stripe = useQuery({
    queryKey: ["stripe", config.publishableKey],
    queryFn: () => loadStripe(config.publishableKey),
    // The script has its own objects, and is loaded once.
    structuralSharing: false,
    staleTime: Infinity,
  });
  return (
    <Shown what="the card form" read={stripe} rows={2}>
      {(loaded) => (
        <Elements stripe={loaded} options={optionsFor(total)}>
          <Card ref={ref} />
          {problem !== undefined && <FieldProblem id="card-problem">{problem}</FieldProblem>}
        </Elements>
      )}
    </Shown>
  );
}

function Card({ ref }: Pick<Props, "ref">): ReactNode {
  const stripe = useStripe();
  const elements = useElements();
  const [ready, setReady] = useState(false);
  // A repeat of a request names the same payment method, or it would be another order.
  const method = useRef<string | null>(null);
  useImperativeHandle(
    ref,
    () => async () => {
      if (stripe === null || elements === null) throw new Error(STILL_LOADING);
      method.current ??= await createMethod(stripe, elements);
      return method.current;
    },
    [stripe, elements],
  );
  return (
    <>
      {!ready && <Loading what="the card form" rows={2} />}
      <PaymentElement
        onReady={() => {
          setReady(true);
        }}
        onChange={() => {
          method.current = null;
        }}
      />
    </>
  );
}

async function createMethod(
  stripe: NonNullable<ReturnType<typeof useStripe>>,
  elements: NonNullable<ReturnType<typeof useElements>>,
): Promise<string> {
  const { error: incomplete } = await elements.submit();
  if (incomplete) throw new Error(incomplete.message ?? "The card is not complete.");
  const { error, paymentMethod } = await stripe.createPaymentMethod({ elements });
  if (error) throw new Error(error.message ?? "Stripe does not take this card.");
  return paymentMethod.id;
}

function optionsFor({ amount, currency }: Money): StripeElementsOptionsMode {
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const common = {
    currency: currency.toLowerCase(),
    // The shop's server creates the payment, and takes cards only.
    paymentMethodCreation: "manual",
    paymentMethodTypes: ["card"],
    appearance: { theme: dark ? "night" : "stripe" },
  } as const;
  // Stripe refuses a payment of nothing.
  return amount > 0 ? { ...common, mode: "payment", amount, captureMethod: "manual" } : { ...common, mode: "setup" };
}
