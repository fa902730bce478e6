import { Page } from "../shared/states";
import type { ReactNode } from "react";

export default function Customers(): ReactNode {
  return <Page title="Customers">x</Page>;
}
