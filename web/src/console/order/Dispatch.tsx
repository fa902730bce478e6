/** The form with which an operator records that an order's goods have left. */

import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { fieldError, otherError } from "../shared/states";
import { FormModal } from "./FormModal";
import { useReadAgain } from "./queries";

export function Dispatch({ id, onClose }: { id: string; onClose: () => void }): ReactNode {
  const { api } = usePage();
  const readAgain = useReadAgain(id);
  const [tracking, setTracking] = useState("");
  const { mutate, error, isPending } = useMutation({
    mutationFn: () =>
      answer(api.POST("/operators/shipments/{id}/dispatch", { params: { path: { id } }, body: { tracking } })),
    onSuccess: () => {
      readAgain();
      onClose();
    },
  });
  return (
    <FormModal
      title="Dispatch the order"
      action="Dispatch"
      failure="The order could not be dispatched"
      error={otherError(error, "tracking")}
      pending={isPending}
      onSubmit={mutate}
      onClose={onClose}
    >
      <FormField
        label={
          <span>
            Tracking code <i>- optional</i>
          </span>
        }
        description="The carrier's code for the parcel."
        errorText={fieldError(error, "tracking")}
      >
        <Input
          value={tracking}
          onChange={({ detail }) => {
            setTracking(detail.value);
          }}
        />
      </FormField>
    </FormModal>
  );
}
