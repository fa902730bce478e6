/** The outcome of an operator's action on dead letters. */

import type { ReactNode } from "react";
import type { components } from "../../generated/api";
import { formatNumber } from "../shared/format";
import { Status } from "../shared/Status";

type Details = components["schemas"]["ActionDetails"];

/** Shows how an action ended, and what it did not do. */
export function Outcome({ details: { outcome, left, refused, truncated, problem } }: { details: Details }): ReactNode {
  if (outcome === "failed") return <Status type="error" text="Failed" note={problem ?? ""} />;
  if (outcome === "begun") return <Status type="in-progress" text="Begun, or broken off" />;
  const notes = [
    ...(left > 0 ? [`${formatNumber(left)} left or came back`] : []),
    ...(refused > 0 ? [`${formatNumber(refused)} refused`] : []),
    ...(truncated ? ["not all were looked at"] : []),
  ];
  return notes.length === 0 ? (
    <Status type="success" text="Done" />
  ) : (
    <Status type="warning" text="Done in part" note={notes.join(", ")} />
  );
}
