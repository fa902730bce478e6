/** An operator, as the records of actions name one. */

import type { ReactNode } from "react";
import { usePerson } from "../../shared/page";

/**
 * Names an operator: `You` for the one who looks, else the beginning of the id, with the whole id as its title. The
 * records have no names, because they cannot be erased.
 */
export function Operator({ id }: { id: string }): ReactNode {
  const person = usePerson();
  if (id === person?.id) return "You";
  return <span title={`The operator with the id ${id}`}>Operator {id.slice(0, 8)}</span>;
}
