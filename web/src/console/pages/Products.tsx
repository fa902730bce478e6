import Header from "@cloudscape-design/components/header";
import type { ReactNode } from "react";

export default function Products(): ReactNode {
  return <Header variant="h1">Products</Header>;
}
