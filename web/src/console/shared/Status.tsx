/** A state in a word, with what is to be said about it below. */

import Box from "@cloudscape-design/components/box";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import type { ReactNode } from "react";

/** Shows a state. A sentence is below the indicator, which would break a line within a word. */
export function Status({
  type,
  text,
  note = "",
}: {
  type: StatusIndicatorProps.Type;
  text: string;
  note?: string;
}): ReactNode {
  return (
    <>
      <StatusIndicator type={type}>{text}</StatusIndicator>
      {note !== "" && (
        <Box color="text-body-secondary" fontSize="body-s">
          {note}
        </Box>
      )}
    </>
  );
}
