import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Live(): ReactNode {
  return <Header variant="h1">Live</Header>;
}
