/** What happens now: a map along which events move, and the latest events. */

import type { ReactNode } from "react";
import "../live/live.css";
import { useReducedMotion } from "../live/motion";
import { ServiceMap, ServiceNumbers } from "../live/ServiceMap";
import { MOST_ENTRIES } from "../live/tail";
import { TailTable } from "../live/TailTable";
import { formatNumber } from "../shared/format";
import { Page } from "../shared/states";

export default function Live(): ReactNode {
  const still = useReducedMotion();
  return (
    <Page
      title="Live"
      description={
        still
          ? `The latest ${formatNumber(MOST_ENTRIES)} events of all orders. Your system asks for less motion, so they do not move.`
          : `The latest ${formatNumber(MOST_ENTRIES)} events of all orders. Each moves from its service to all that handle it.`
      }
    >
      <div className="live">
        <ServiceMap />
        <TailTable />
      </div>
      <ServiceNumbers />
    </Page>
  );
}
