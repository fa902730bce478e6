/** The form for the units of a product that are on hand. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { Failed, fieldError, otherError, Queried } from "../shared/states";
import { parseUnits } from "./price";
import { fetchStock, type Product } from "./products";

const FORM = "stock";

/** Asks for the units on hand, after a count or a delivery. */
export function StockDialog({ product: { sku }, onClose }: { product: Product; onClose: () => void }): ReactNode {
  const { api } = usePage();
  const queries = useQueryClient();
  const stock = useQuery({ queryKey: ["stock", sku], queryFn: () => fetchStock(api, sku) });
  const [text, setText] = useState("");
  const [isChecked, setChecked] = useState(false);
  const units = parseUnits(text);
  const save = useMutation({
    mutationFn: (onHand: number) =>
      answer(api.PUT("/operators/stock/{sku}", { params: { path: { sku } }, body: { on_hand: onHand } })),
    onSuccess: (saved) => {
      queries.setQueryData(["stock", sku], saved);
      onClose();
    },
  });
  const other = otherError(save.error, "on_hand");
  const error =
    fieldError(save.error, "on_hand") ?? (isChecked && units === null ? "Enter a whole number from 0." : undefined);
  return (
    <Modal
      visible
      header={`Stock of ${sku}`}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" form={FORM} formAction="submit" loading={save.isPending}>
              Set the stock
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
          setChecked(true);
          if (units !== null) save.mutate(units);
        }}
      >
        <SpaceBetween size="m">
          {other !== null && <Failed title="The stock was not set" error={other} />}
          <Queried query={stock} what="the stock">
            {(current) =>
              current === null ? (
                <Box>The stock of this product was never set, so it cannot be ordered.</Box>
              ) : (
                <KeyValuePairs
                  columns={3}
                  items={[
                    { label: "On hand", value: formatNumber(current.on_hand) },
                    { label: "Reserved for orders", value: formatNumber(current.reserved) },
                    { label: "Available", value: formatNumber(current.available) },
                  ]}
                />
              )
            }
          </Queried>
          <FormField
            label="Units on hand"
            description="Those that were counted, with those that are reserved for orders and not dispatched yet."
            errorText={error}
          >
            <Input
              value={text}
              autoFocus
              inputMode="numeric"
              onChange={({ detail }) => {
                save.reset();
                setText(detail.value);
              }}
            />
          </FormField>
        </SpaceBetween>
      </form>
    </Modal>
  );
}
