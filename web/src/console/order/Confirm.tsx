/** A question before an action on an order. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Failed } from "../shared/states";
import { useReadAgain } from "./queries";

/** Asks whether to run an action. Once it has run, all about the order is read again. */
export function Confirm({
  id,
  title,
  action,
  failure,
  run,
  onClose,
  children,
}: {
  /** The order's id. */
  id: string;
  title: string;
  /** The text of the button. */
  action: string;
  /** What is said if the action fails. */
  failure: string;
  run: () => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}): ReactNode {
  const readAgain = useReadAgain(id);
  const mutation = useMutation({
    mutationFn: run,
    onSuccess: () => {
      readAgain();
      onClose();
    },
  });
  return (
    <Modal
      visible
      header={title}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Back
            </Button>
            <Button
              variant="primary"
              loading={mutation.isPending}
              onClick={() => {
                mutation.mutate();
              }}
            >
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {mutation.error !== null && <Failed title={failure} error={mutation.error} />}
        <Box>{children}</Box>
      </SpaceBetween>
    </Modal>
  );
}
