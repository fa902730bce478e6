/** Products and stock: names, prices, units on hand, and the shipments to pick. */

import Tabs from "@cloudscape-design/components/tabs";
import type { ReactNode } from "react";
import { useSearchParams } from "wouter";
import { ProductTable } from "../products/ProductTable";
import { Shipments } from "../products/Shipments";
import { Page } from "../shared/states";

export default function Products(): ReactNode {
  const [search, setSearch] = useSearchParams();
  return (
    <Page title="Products and stock">
      <Tabs
        ariaLabel="Products and stock"
        activeTabId={search.get("tab") === "shipments" ? "shipments" : "products"}
        onChange={({ detail }) => {
          setSearch(detail.activeTabId === "shipments" ? { tab: "shipments" } : {}, { replace: true });
        }}
        tabs={[
          { id: "products", label: "Products", content: <ProductTable /> },
          { id: "shipments", label: "Shipments to pick", content: <Shipments /> },
        ]}
      />
    </Page>
  );
}
