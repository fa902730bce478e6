/** The form with which an operator refunds a part of an order's payment. */

import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { components } from "../../generated/api";
import { answer } from "../../shared/api";
import { formatMoney, type Money } from "../../shared/money";
import { usePage, usePerson } from "../../shared/page";
import { forgetKey, keyOf } from "../shared/attempts";
import { fieldError, otherError } from "../shared/states";
import { parseAmount, typedAmount } from "./amount";
import { FormModal } from "./FormModal";
import { useReadAgain } from "./queries";
import { sentence } from "./status";

type Request = components["schemas"]["RefundRequest"];

const REASONS: readonly Request["reason"][] = ["returned", "damaged", "missing", "goodwill", "other"];

const OPTIONS = REASONS.map((value) => ({ value, label: sentence(value) }));

/** The fields of the request that are parts of the amount. */
const AMOUNT = ["amount", "amount.amount", "amount.currency"] as const;

export function RefundForm({ id, left, onClose }: { id: string; left: Money; onClose: () => void }): ReactNode {
  const { api } = usePage();
  const readAgain = useReadAgain(id);
  const [text, setText] = useState(() => typedAmount(left.amount, left.currency));
  const [reason, setReason] = useState<Request["reason"]>("returned");
  const operator = usePerson()?.id ?? "";
  const { mutate, error, isPending, reset } = useMutation({
    mutationFn: async (body: Request) => {
      // A repeat of the same request has the same key, so money is returned once. Another request needs another key.
      const request = [operator, "refund", id, JSON.stringify(body)];
      const params = { path: { id }, header: { "Idempotency-Key": keyOf(...request) } };
      await answer(api.POST("/operators/orders/{id}/refunds", { params, body }));
      forgetKey(...request);
    },
    onSuccess: () => {
      readAgain();
      onClose();
    },
  });
  const [invalid, setInvalid] = useState(false);
  const change = () => {
    setInvalid(false);
    reset();
  };
  const submit = () => {
    const amount = parseAmount(text, left.currency);
    setInvalid(amount === null);
    if (amount !== null) mutate({ amount: { amount, currency: left.currency }, reason });
  };
  const example = typedAmount(left.amount, left.currency);
  return (
    <FormModal
      title="Refund"
      action="Refund"
      failure="The refund could not be requested"
      error={otherError(error, ...AMOUNT, "reason")}
      pending={isPending}
      onSubmit={submit}
      onClose={onClose}
    >
      <FormField
        label={`Amount in ${left.currency}`}
        description={`${formatMoney(left)} can still be refunded.`}
        errorText={invalid ? `Enter an amount such as ${example}.` : fieldError(error, ...AMOUNT)}
      >
        <Input
          value={text}
          inputMode="decimal"
          onChange={({ detail }) => {
            setText(detail.value);
            change();
          }}
        />
      </FormField>
      <FormField label="Reason" errorText={fieldError(error, "reason")}>
        <Select
          options={OPTIONS}
          selectedOption={OPTIONS.find(({ value }) => value === reason) ?? null}
          onChange={({ detail }) => {
            setReason(REASONS.find((value) => value === detail.selectedOption.value) ?? "other");
            change();
          }}
        />
      </FormField>
    </FormModal>
  );
}
