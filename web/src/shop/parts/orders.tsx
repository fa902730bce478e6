/** Parts of pages about orders. */

import type { ReactNode } from "react";
import { describeStatus, type Order, stepsOf } from "../words";

/** An order's status as a badge. */
export function Status({ status }: Pick<Order, "status">): ReactNode {
  return <span className={`badge ${status.toLowerCase()}`}>{describeStatus(status)}</span>;
}

/** The steps of an order, with the current one. */
export function Steps({ status }: Pick<Order, "status">): ReactNode {
  return (
    <ol className="steps" aria-label="Progress">
      {stepsOf({ status }).map(({ name, state }) => (
        <li key={name} className={state} aria-current={state === "current" ? "step" : undefined}>
          {name}
          <span className="unseen">{SPOKEN[state]}</span>
        </li>
      ))}
    </ol>
  );
}

/** What the colours and marks of steps mean. */
const SPOKEN = { done: ": done", current: ": in progress", ahead: ": not yet", stopped: "" } as const;
