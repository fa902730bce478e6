/** A form of an action on an order, in a dialog. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useId } from "react";
import { Failed } from "../shared/states";

export function FormModal({
  title,
  action,
  failure,
  error,
  pending,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  /** The text of the button. */
  action: string;
  /** What is said if the action fails. */
  failure: string;
  /** The problem that no field shows; null without one. */
  error: unknown;
  pending: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}): ReactNode {
  const form = useId();
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
            <Button variant="primary" formAction="submit" form={form} loading={pending}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        id={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!pending) onSubmit();
        }}
      >
        <SpaceBetween size="m">
          {error !== null && <Failed title={failure} error={error} />}
          {children}
        </SpaceBetween>
      </form>
    </Modal>
  );
}
