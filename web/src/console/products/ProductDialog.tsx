/** The form for a product's name and price. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { ProblemError } from "../../shared/problem";
import { Failed, fieldError, otherError } from "../shared/states";
import { currencies, type Currency, decimalsOf, formatAmount, parseAmount } from "./price";
import type { Product } from "./products";

const FORM = "product";
const FIELDS = ["sku", "name", "price.amount", "price.currency", "price"];

/** Asks for the name and the price of a product, and for the SKU of a new one. */
export function ProductDialog({ product, onClose }: { product: Product | null; onClose: () => void }): ReactNode {
  const { api } = usePage();
  const queries = useQueryClient();
  const [sku, setSku] = useState(product?.sku ?? "");
  const [name, setName] = useState(product?.name ?? "");
  const [currency, setCurrency] = useState<Currency>(product?.price.currency ?? "EUR");
  const [amount, setAmount] = useState(product === null ? "" : formatAmount(product.price));
  const [isChecked, setChecked] = useState(false);
  const minor = parseAmount(amount, currency);
  const decimals = decimalsOf(currency);
  const save = useMutation({
    mutationFn: async () => {
      const params = { path: { sku } };
      // The route sets a product whether or not it exists. A new one must not overwrite another.
      if (product === null && (await exists())) throw fieldProblem("sku", "There is a product with this SKU.");
      return answer(
        api.PUT("/operators/products/{sku}", { params, body: { name, price: { amount: minor ?? 0, currency } } }),
      );

      async function exists(): Promise<boolean> {
        try {
          await answer(api.GET("/products/{sku}", { params }));
          return true;
        } catch (error) {
          if (error instanceof ProblemError && error.status === 404) return false;
          throw error;
        }
      }
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["products"] });
      onClose();
    },
  });
  const errors = {
    sku: fieldError(save.error, "sku") ?? (isChecked && sku === "" ? "A product has a SKU." : undefined),
    name: fieldError(save.error, "name") ?? (isChecked && name.trim() === "" ? "A product has a name." : undefined),
    amount:
      fieldError(save.error, "price.amount", "price") ??
      (isChecked && minor === null
        ? `A price in ${currency} is a number with ${decimals === 0 ? "no" : `at most ${decimals}`} decimals.`
        : undefined),
    currency: fieldError(save.error, "price.currency"),
  };
  const other = otherError(save.error, ...FIELDS);
  const submit = () => {
    setChecked(true);
    if (sku !== "" && name.trim() !== "" && minor !== null) save.mutate();
  };
  // What the API said was about what the form had then.
  const edit =
    <Value,>(set: (value: Value) => void) =>
    (value: Value) => {
      save.reset();
      set(value);
    };
  return (
    <Modal
      visible
      header={product === null ? "New product" : `Change ${product.sku}`}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" form={FORM} formAction="submit" loading={save.isPending}>
              Save
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        id={FORM}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Form>
          <SpaceBetween size="m">
            {other !== null && <Failed title="The product was not saved" error={other} />}
            {product === null && (
              <FormField
                label="SKU"
                description="It identifies the product, and cannot be changed later."
                constraintText="1 to 64 letters, digits, full stops, underscores or hyphens."
                errorText={errors.sku}
              >
                <Input
                  value={sku}
                  autoFocus
                  spellcheck={false}
                  onChange={({ detail }) => {
                    edit(setSku)(detail.value.trim());
                  }}
                />
              </FormField>
            )}
            <FormField label="Name" errorText={errors.name}>
              <Input
                value={name}
                onChange={({ detail }) => {
                  edit(setName)(detail.value);
                }}
              />
            </FormField>
            <Grid gridDefinition={[{ colspan: 7 }, { colspan: 5 }]}>
              <FormField label="Price" errorText={errors.amount}>
                <Input
                  value={amount}
                  inputMode="decimal"
                  onChange={({ detail }) => {
                    edit(setAmount)(detail.value);
                  }}
                />
              </FormField>
              <FormField label="Currency" errorText={errors.currency}>
                <Select
                  filteringType="auto"
                  filteringAriaLabel="Find a currency"
                  selectedOption={{ value: currency, label: currency }}
                  options={currencies().map((code) => ({ value: code, label: code }))}
                  onChange={({ detail }) => {
                    edit(setCurrency)(detail.selectedOption.value as Currency);
                  }}
                />
              </FormField>
            </Grid>
          </SpaceBetween>
        </Form>
      </form>
    </Modal>
  );
}

function fieldProblem(field: string, detail: string): ProblemError {
  return new ProblemError({ type: "about:blank", title: "Invalid", status: 409, detail, field });
}
