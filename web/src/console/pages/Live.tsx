/** What happens now: a map along which events move, and the latest events. */

import type { ReactNode } from "react";
import "../live/live.css";
import { useReducedMotion } from "../live/motion";
import { ServiceMap, ServiceNumbers } from "../live/ServiceMap";
import { TailTable } from "../live/TailTable";
import { Page } from "../shared/states";

export default function Live(): ReactNode {
  const still = useReducedMotion();
  return (
    <Page
      title="Live"
      description={
        still
          ? "Events of all orders. Your system asks for less motion, so they are counted and do not move."
          : "Events of all orders. Each dot moves from the service that announces an event to all that handle it."
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
