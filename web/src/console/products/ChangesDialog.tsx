/** What operators changed of a product, latest first. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { EventType } from "../../generated/catalogue";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { useInvalidation } from "../shared/live";
import { Empty, More, Queried, Time } from "../shared/states";
import { describeChange } from "./changes";
import type { Product } from "./products";

const TYPES = ["ProductListed", "PriceChanged", "StockAdjusted"] as const satisfies readonly EventType[];

/** Shows the changes of a product's name, price and stock. */
export function ChangesDialog({ product: { sku }, onClose }: { product: Product; onClose: () => void }): ReactNode {
  const { api } = usePage();
  const query = useInfiniteQuery({
    queryKey: ["changes", sku],
    queryFn: ({ pageParam: cursor }) =>
      answer(
        api.GET("/operators/products/{sku}/timeline", {
          params: { path: { sku }, query: { limit: 20, ...(cursor !== null && { cursor }) } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  useInvalidation(["changes", sku], TYPES);
  return (
    <Modal
      visible
      size="large"
      header={`Changes of ${sku}`}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <Button onClick={onClose}>Done</Button>
        </Box>
      }
    >
      <Queried query={query} what="the changes">
        {({ pages }) => (
          <Table
            items={pages.flatMap(({ events }) => events)}
            trackBy="id"
            variant="embedded"
            contentDensity="compact"
            ariaLabels={{ tableLabel: `Changes of ${sku}` }}
            empty={<Empty title="No changes">Changes appear here a moment after they are made.</Empty>}
            footer={<More query={query} />}
            columnDefinitions={[
              { id: "time", header: "Time", cell: ({ time }) => <Time at={time} /> },
              { id: "change", header: "Change", cell: (change) => describeChange(change), isRowHeader: true },
            ]}
          />
        )}
      </Queried>
    </Modal>
  );
}
