/** The checkout: an address, a payment method, and the order. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { COUNTRIES, MAX_LENGTHS } from "../../generated/limits";
import { answer } from "../../shared/api";
import { formatMoney, type Money } from "../../shared/money";
import { usePage, usePerson } from "../../shared/page";
import { ProblemError } from "../../shared/problem";
import { type Basket, clearBasket, useBasket } from "../basket";
import { orderQuery } from "../data";
import { Button, Field, FormProblem, TextField } from "../parts/forms";
import { Empty, Loading, Page, Shown, SignInFirst } from "../parts/Page";
import {
  earlierOrderOf,
  forgetKey,
  hasLines,
  keyOf,
  lineProblems,
  newTotalOf,
  type OrderRequest,
  PLACED_BEFORE,
  STILL_LOADING,
} from "../placing";
import { type Prices, usePrices } from "../prices";
import type { Tokenizer } from "../stripe/CardFields";
import { describeMethod } from "../words";

/** Loads Stripe's script only where cards are charged. */
const CardFields = lazy(() => import("../stripe/CardFields"));

type Address = OrderRequest["address"];

const FIELDS = ["name", "street", "postal_code", "city", "country"] as const;

export function Checkout(): ReactNode {
  const basket = useBasket();
  const person = usePerson();
  if (person === null) {
    return (
      <SignInFirst title="Checkout" path="/checkout">
        Sign in to order. Your basket stays as it is.
      </SignInFirst>
    );
  }
  return (
    <Page title="Checkout">
      {basket.length === 0 ? (
        <Empty title="Your basket is empty">
          <Link href="/" className="button">
            See the products
          </Link>
        </Empty>
      ) : (
        <Priced basket={basket} person={person.id} />
      )}
    </Page>
  );
}

function Priced({ basket, person }: { basket: Basket; person: string }): ReactNode {
  return (
    <Shown what="the prices" read={usePrices(basket)} rows={4}>
      {(prices) =>
        prices.total === null ? (
          <Empty title={prices.problem ?? ""}>
            <Link href="/basket" className="button">
              Back to the basket
            </Link>
          </Empty>
        ) : (
          <Form prices={prices} total={prices.total} person={person} />
        )
      }
    </Shown>
  );
}

function Form({ prices, total, person }: { prices: Prices; total: Money; person: string }): ReactNode {
  const { api, config } = usePage();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const form = useRef<HTMLFormElement>(null);
  const card = useRef<Tokenizer>(null);
  const submit = useRef<HTMLButtonElement>(null);
  const sentKey = useRef("");
  const [address, setAddress] = useState<Address>(emptyAddress);
  const [method, setMethod] = useState(config.paymentMethods[0] ?? "");
  const [agreed, setAgreed] = useState<Money | null>(null);

  const lines = prices.lines.map(({ sku, quantity }) => ({ sku, quantity }));
  const shownTotal = agreed ?? total;

  const placing = useMutation({
    mutationFn: async () => {
      // At once: another tab may place its order, and forget the key, while Stripe answers.
      const key = keyOf(person);
      sentKey.current = key;
      const payment_method = config.gateway === "stripe" ? await tokenize(card.current) : method;
      const request: OrderRequest = { lines, payment_method, address, expected_total: shownTotal };
      const sent = api.POST("/orders", { params: { header: { "Idempotency-Key": key } }, body: request });
      try {
        const order = await answer(sent);
        return { order, key, before: (await sent).response.headers.has("Idempotent-Replayed") };
      } catch (error) {
        const earlier = error instanceof Error ? earlierOrderOf(error) : null;
        const order = earlier === null ? null : await queries.query(orderQuery(api, earlier)).catch(() => null);
        if (order === null || !hasLines(order, request)) throw error;
        return { order, key, before: true };
      }
    },
    onSuccess: ({ order, key, before }) => {
      forgetKey(person, key);
      queries.setQueryData(orderQuery(api, order.id).queryKey, order);
      navigate(`/orders/${order.id}${before ? `?${PLACED_BEFORE}` : ""}`, { replace: true });
      clearBasket();
    },
    onError: (error) => {
      const changed = error instanceof ProblemError ? newTotalOf(error) : null;
      if (changed === null) return;
      setAgreed(changed);
      void queries.invalidateQueries({ queryKey: ["products"] });
    },
  });
  const problem = placing.error instanceof ProblemError ? placing.error : null;
  const changed = problem && newTotalOf(problem);
  const earlier = earlierOrderOf(placing.error);
  // The person knows of the earlier order now, so the next one is another.
  const acknowledge = () => {
    if (earlier !== null) forgetKey(person, sentKey.current);
  };
  const fields = problem?.fields;
  const atLines = problem ? lineProblems(problem) : new Map<number, string>();

  // While the request was under way, its fields were disabled, and none had the focus.
  useEffect(() => {
    if (placing.error === null) return;
    const invalid = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    (invalid ?? submit.current)?.focus();
  }, [placing.error]);

  const known = [...FIELDS.map((name) => `address.${name}`), "payment_method", "lines", "expected_total"];
  if (earlier !== null) known.push("Idempotency-Key");
  return (
    <form
      ref={form}
      className="split checkout"
      onSubmit={(event) => {
        event.preventDefault();
        acknowledge();
        placing.mutate();
      }}
    >
      <div className="stack">
        <fieldset disabled={placing.isPending}>
          <legend>Delivery address</legend>
          <AddressFields address={address} onChange={setAddress} problems={fields} />
        </fieldset>
        <fieldset disabled={placing.isPending}>
          <legend>Payment</legend>
          {config.gateway === "stripe" ? (
            <Suspense fallback={<Loading what="the card form" rows={2} />}>
              <CardFields total={shownTotal} ref={card} problem={fields?.get("payment_method")} />
            </Suspense>
          ) : (
            <Field
              label="Payment method"
              hint="This shop simulates payments. No money moves."
              problem={fields?.get("payment_method")}
            >
              {(control) => (
                <select
                  {...control}
                  value={method}
                  onChange={({ target }) => {
                    setMethod(target.value);
                  }}
                >
                  {config.paymentMethods.map((name) => (
                    <option key={name} value={name}>
                      {describeMethod(name)}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
        </fieldset>
      </div>
      <section className="summary" aria-labelledby="summary">
        <h2 id="summary">Your order</h2>
        <ul>
          {prices.lines.map(({ sku, quantity, product }, n) => (
            <li key={sku}>
              <span className="row">
                <span>
                  {quantity} × {product?.name}
                </span>
                <span>{product && formatMoney({ ...product.price, amount: product.price.amount * quantity })}</span>
              </span>
              {atLines.has(n) && <span className="problem">{atLines.get(n)}</span>}
            </li>
          ))}
        </ul>
        {fields?.has("lines") && (
          <p className="problem" role="alert">
            {fields.get("lines")}
          </p>
        )}
        <p className="row large">
          <span>Total</span> <strong>{formatMoney(shownTotal)}</strong>
        </p>
        {changed && (
          <p className="notice" role="alert">
            The prices have changed. The order costs {formatMoney(changed)} now. Nothing was ordered yet.
          </p>
        )}
        {earlier !== null && (
          <div className="notice stack" role="alert">
            <p>
              <strong>An earlier order of yours was placed.</strong> The shop&rsquo;s answer to it was lost on the way.
              Nothing was ordered just now.
            </p>
            <p>
              <Link href={`/orders/${earlier}`} onClick={acknowledge}>
                See the earlier order
              </Link>
            </p>
          </div>
        )}
        <FormProblem problem={placing.error} fields={[...known, ...[...atLines.keys()].flatMap(lineFields)]} />
        <Button className="primary" inactive={placing.isPending} ref={submit}>
          {placing.isPending
            ? "Placing the order…"
            : `Order ${earlier === null ? "" : "this too "}and pay ${formatMoney(shownTotal)}`}
        </Button>
        <p className="quiet">
          <Link href="/basket">Change the basket</Link>
        </p>
      </section>
    </form>
  );
}

function tokenize(card: Tokenizer | null): Promise<string> {
  return card === null ? Promise.reject(new Error(STILL_LOADING)) : card();
}

function lineFields(line: number): string[] {
  return ["", ".sku", ".quantity"].map((part) => `lines[${line}]${part}`);
}

function AddressFields(props: {
  address: Address;
  onChange: (address: Address) => void;
  problems: ReadonlyMap<string, string> | undefined;
}): ReactNode {
  const { address, onChange, problems } = props;
  const [countries] = useState(countriesByName);
  const line = (name: Exclude<keyof Address, "country">) => ({
    name,
    required: true,
    maxLength: MAX_LENGTHS[name],
    value: address[name],
    problem: problems?.get(`address.${name}`),
    onChange: ({ target }: { target: HTMLInputElement }) => {
      onChange({ ...address, [name]: target.value });
    },
  });
  return (
    <>
      <TextField label="Name" autoComplete="shipping name" {...line("name")} />
      <TextField label="Street and number" autoComplete="shipping street-address" {...line("street")} />
      <div className="pair">
        <TextField label="Postal code" autoComplete="shipping postal-code" {...line("postal_code")} />
        <TextField label="City" autoComplete="shipping address-level2" {...line("city")} />
      </div>
      <Field label="Country" problem={problems?.get("address.country")}>
        {(control) => (
          <select
            {...control}
            name="country"
            autoComplete="shipping country"
            value={address.country}
            onChange={({ target }) => {
              const country = COUNTRIES.find((code) => code === target.value);
              if (country !== undefined) onChange({ ...address, country });
            }}
          >
            {countries.map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
    </>
  );
}

function emptyAddress(): Address {
  // Not every browser's language is one that `Intl.Locale` takes.
  const region = /-([A-Z]{2})(?![A-Za-z])/.exec(navigator.language)?.[1];
  const country = COUNTRIES.find((code) => code === region) ?? "DE";
  return { name: "", street: "", city: "", postal_code: "", country };
}

function countriesByName(): [string, string][] {
  const names = new Intl.DisplayNames(["en"], { type: "region" });
  const all = COUNTRIES.map((code): [string, string] => [code, names.of(code) ?? code]);
  return all.sort(([, one], [, other]) => one.localeCompare(other, "en"));
}
