/** The products, with their prices and their stock. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { formatMoney } from "../../shared/money";
import { usePage } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { Status } from "../shared/Status";
import { Empty, messageOf, More, Queried } from "../shared/states";
import { ChangesDialog } from "./ChangesDialog";
import { fetchStock, type Product } from "./products";
import { ProductDialog } from "./ProductDialog";
import { StockDialog } from "./StockDialog";

type Dialog =
  | { readonly kind: "new" }
  | { readonly kind: "edit"; readonly product: Product }
  | { readonly kind: "stock"; readonly product: Product }
  | { readonly kind: "changes"; readonly product: Product };

/** Lists the products. */
export function ProductTable(): ReactNode {
  const { api } = usePage();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const query = useInfiniteQuery({
    queryKey: ["products"],
    queryFn: ({ pageParam: cursor }) =>
      answer(api.GET("/products", { params: { query: { limit: 50, ...(cursor !== null && { cursor }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  const close = () => {
    setDialog(null);
  };
  return (
    <>
      <Queried query={query} what="the products">
        {({ pages }) => (
          <Table
            items={pages.flatMap(({ items }) => items)}
            trackBy="sku"
            variant="container"
            ariaLabels={{ tableLabel: "Products" }}
            header={
              <Header
                variant="h2"
                description="A new price is that of later orders. Orders placed before keep theirs."
                actions={
                  <Button
                    variant="primary"
                    onClick={() => {
                      setDialog({ kind: "new" });
                    }}
                  >
                    New product…
                  </Button>
                }
              >
                Products
              </Header>
            }
            empty={<Empty title="No products">Customers see a product as soon as it has a name and a price.</Empty>}
            footer={<More query={query} />}
            columnDefinitions={[
              { id: "sku", header: "SKU", cell: ({ sku }) => <Box variant="code">{sku}</Box>, isRowHeader: true },
              { id: "name", header: "Name", cell: ({ name }) => name },
              { id: "price", header: "Price", cell: ({ price }) => formatMoney(price) },
              { id: "stock", header: "Available, of those on hand", cell: ({ sku }) => <StockCell sku={sku} /> },
              {
                id: "actions",
                header: "Change",
                cell: (product) => (
                  <SpaceBetween direction="horizontal" size="m">
                    <Action
                      label={`Name and price of ${product.sku}`}
                      text="Name and price"
                      onClick={() => {
                        setDialog({ kind: "edit", product });
                      }}
                    />
                    <Action
                      label={`Stock of ${product.sku}`}
                      text="Stock"
                      onClick={() => {
                        setDialog({ kind: "stock", product });
                      }}
                    />
                    <Action
                      label={`Changes of ${product.sku}`}
                      text="Changes"
                      onClick={() => {
                        setDialog({ kind: "changes", product });
                      }}
                    />
                  </SpaceBetween>
                ),
              },
            ]}
          />
        )}
      </Queried>
      {(dialog?.kind === "new" || dialog?.kind === "edit") && (
        <ProductDialog product={dialog.kind === "edit" ? dialog.product : null} onClose={close} />
      )}
      {dialog?.kind === "stock" && <StockDialog product={dialog.product} onClose={close} />}
      {dialog?.kind === "changes" && <ChangesDialog product={dialog.product} onClose={close} />}
    </>
  );
}

function Action({ label, text, onClick }: { label: string; text: string; onClick: () => void }): ReactNode {
  return (
    <Link
      ariaLabel={label}
      onFollow={(event) => {
        event.preventDefault();
        onClick();
      }}
    >
      {text}
    </Link>
  );
}

function StockCell({ sku }: { sku: string }): ReactNode {
  const { api } = usePage();
  const { data: stock, error } = useQuery({ queryKey: ["stock", sku], queryFn: () => fetchStock(api, sku) });
  if (stock === undefined)
    return error === null ? <Spinner /> : <Status type="error" text="Not known" note={messageOf(error)} />;
  if (stock === null) return <StatusIndicator type="pending">Never set</StatusIndicator>;
  return (
    <StatusIndicator type={stock.available === 0 ? "warning" : "success"}>
      {formatNumber(stock.available)} of {formatNumber(stock.on_hand)}
    </StatusIndicator>
  );
}
