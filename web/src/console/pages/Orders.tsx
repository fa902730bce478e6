import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Orders(): ReactNode {
  return <Header variant="h1">Orders</Header>;
}
