/** The changes of a product, in words. */

import type { components } from "../../generated/api";
import type { EventData } from "../../generated/events";
import { formatMoney } from "../../shared/money";
import { formatNumber } from "../shared/format";

type Change = components["schemas"]["TimelineEvent"];

const CHANGES = {
  ProductListed: ({ name, price }: EventData["ProductListed"]) => `Offered as “${name}” for ${formatMoney(price)}`,
  PriceChanged: ({ price }: EventData["PriceChanged"]) => `Costs ${formatMoney(price)}`,
  StockAdjusted: ({ difference, on_hand: onHand }: EventData["StockAdjusted"]) =>
    `${formatNumber(onHand)} on hand (${difference > 0 ? "+" : ""}${formatNumber(difference)})`,
} as const;

/** Returns a change in words. One that is newer than this page has its event's name. */
export function describeChange({ type, data }: Pick<Change, "type" | "data">): string {
  const describe = (CHANGES as Readonly<Record<string, ((data: never) => string) | undefined>>)[type];
  return describe?.(data as never) ?? type;
}
