import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Order({ id }: { id: string }): ReactNode {
  return <Header variant="h1">Order {id}</Header>;
}
