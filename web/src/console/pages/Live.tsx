/** What happens now: a map along which events move, and the latest events. */

import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";
import { ServiceMap } from "../live/ServiceMap";
import { TailTable } from "../live/TailTable";
import { Page } from "../shared/states";

export default function Live(): ReactNode {
  return (
    <Page title="Live" description="Events of all orders, as they are announced.">
      <SpaceBetween size="l">
        <ServiceMap />
        <TailTable />
      </SpaceBetween>
    </Page>
  );
}
