import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Services(): ReactNode {
  return <Header variant="h1">Services</Header>;
}
