import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Contracts(): ReactNode {
  return <Header variant="h1">Contracts</Header>;
}
