import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Sales(): ReactNode {
  return <Header variant="h1">Sales</Header>;
}
