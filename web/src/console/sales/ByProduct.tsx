/** The sales by product. */

import { useCollection } from "@cloudscape-design/collection-hooks";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import type { ReactNode } from "react";
import { formatMoney } from "../../shared/money";
import { formatNumber } from "../shared/format";
import { Empty } from "../shared/states";
import { countCancelled, type Currency, figuresByProduct, revenueIn, type Sales } from "./sales";

/** Shows the sales of each product. Revenue is that in one currency. */
export function ByProduct({ sales, currency }: { sales: Sales; currency: Currency }): ReactNode {
  const products = figuresByProduct(sales).map(([sku, figures]) => ({
    sku,
    units: figures.units,
    revenue: revenueIn(figures, currency),
    placed: figures.placed,
    confirmed: figures.confirmed,
    cancelled: countCancelled(figures),
  }));
  const { items, collectionProps, filterProps, paginationProps } = useCollection(products, {
    sorting: {},
    pagination: { pageSize: 20 },
    filtering: { fields: ["sku"], noMatch: <Empty title="No product has such a SKU" /> },
  });
  return (
    <Table
      {...collectionProps}
      items={items}
      trackBy="sku"
      variant="container"
      ariaLabels={{ tableLabel: "Sales by product" }}
      header={
        <Header variant="h2" counter={`(${formatNumber(products.length)})`}>
          By product
        </Header>
      }
      filter={
        products.length > 20 && (
          <TextFilter {...filterProps} filteringAriaLabel="Find a product" filteringPlaceholder="SKU" />
        )
      }
      pagination={paginationProps.pagesCount > 1 && <Pagination {...paginationProps} />}
      empty={<Empty title="No product was ordered" />}
      columnDefinitions={[
        { id: "sku", header: "Product", cell: ({ sku }) => sku, isRowHeader: true, sortingField: "sku" },
        { id: "units", header: "Units sold", cell: ({ units }) => formatNumber(units), sortingField: "units" },
        {
          id: "revenue",
          header: "Revenue",
          cell: ({ revenue }) => formatMoney({ amount: revenue, currency }),
          sortingField: "revenue",
        },
        { id: "placed", header: "Orders placed", cell: ({ placed }) => formatNumber(placed), sortingField: "placed" },
        {
          id: "confirmed",
          header: "Confirmed",
          cell: ({ confirmed }) => formatNumber(confirmed),
          sortingField: "confirmed",
        },
        {
          id: "cancelled",
          header: "Cancelled",
          cell: ({ cancelled }) => formatNumber(cancelled),
          sortingField: "cancelled",
        },
      ]}
    />
  );
}
