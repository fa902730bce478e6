import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Failures(): ReactNode {
  return <Header variant="h1">Failures</Header>;
}
