/** The shipments to pick, and their dispatch. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { components } from "../../generated/api";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { Empty, Failed, fieldError, More, otherError, PageLink, Queried, Time } from "../shared/states";
import { useInvalidation } from "../shared/live";

type Shipment = components["schemas"]["ToPick"];

const FORM = "dispatch";
const EVENTS = ["OrderConfirmed", "OrderCancelled", "OrderDispatched", "PersonalDataErased"] as const;

/** Lists the shipments to pick. */
export function Shipments(): ReactNode {
  const { api } = usePage();
  const [chosen, setChosen] = useState<Shipment | null>(null);
  const query = useInfiniteQuery({
    queryKey: ["shipments"],
    queryFn: ({ pageParam: cursor }) =>
      answer(api.GET("/operators/shipments", { params: { query: { limit: 50, ...(cursor !== null && { cursor }) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
  });
  useInvalidation(["shipments"], EVENTS);
  return (
    <>
      <Queried query={query} what="the shipments">
        {({ pages }) => (
          <Table
            items={pages.flatMap(({ items }) => items)}
            trackBy="id"
            variant="container"
            wrapLines
            ariaLabels={{ tableLabel: "Shipments to pick" }}
            header={
              <Header variant="h2" description="Confirmed orders whose goods have not left, the oldest first.">
                Shipments to pick
              </Header>
            }
            empty={<Empty title="Nothing to pick">The goods of all confirmed orders have left.</Empty>}
            footer={<More query={query} />}
            columnDefinitions={[
              {
                id: "order",
                header: "Order",
                isRowHeader: true,
                cell: ({ id }) => <PageLink to={`/orders/${id}`}>{id.slice(0, 8)}</PageLink>,
              },
              { id: "confirmed", header: "Confirmed", cell: ({ confirmed_at: at }) => <Time at={at} /> },
              { id: "lines", header: "Goods", cell: ({ lines }) => <Goods lines={lines} /> },
              {
                id: "address",
                header: "Address",
                cell: ({ address }) => (address === null ? "Erased" : formatAddress(address)),
              },
              {
                id: "dispatch",
                header: "Dispatch",
                cell: (shipment) => (
                  <Button
                    ariaLabel={`Dispatch order ${shipment.id}`}
                    onClick={() => {
                      setChosen(shipment);
                    }}
                  >
                    Dispatch…
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Queried>
      {chosen !== null && (
        <DispatchDialog
          shipment={chosen}
          onClose={() => {
            setChosen(null);
          }}
        />
      )}
    </>
  );
}

function Goods({ lines }: { lines: Shipment["lines"] }): ReactNode {
  return lines.map(({ sku, quantity }) => (
    <div key={sku}>
      {formatNumber(quantity)} × {sku}
    </div>
  ));
}

function formatAddress({ name, street, city, postal_code: code, country }: NonNullable<Shipment["address"]>): string {
  return `${name}, ${street}, ${code} ${city}, ${country}`;
}

function DispatchDialog({ shipment: { id, lines }, onClose }: { shipment: Shipment; onClose: () => void }): ReactNode {
  const { api } = usePage();
  const queries = useQueryClient();
  const [tracking, setTracking] = useState("");
  const dispatch = useMutation({
    mutationFn: () =>
      answer(api.POST("/operators/shipments/{id}/dispatch", { params: { path: { id } }, body: { tracking } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["shipments"] });
      onClose();
    },
  });
  const other = otherError(dispatch.error, "tracking");
  return (
    <Modal
      visible
      header="Record that the goods have left"
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" form={FORM} formAction="submit" loading={dispatch.isPending}>
              Dispatch
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <form
        id={FORM}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          dispatch.mutate();
        }}
      >
        <SpaceBetween size="m">
          {other !== null && <Failed title="The dispatch was not recorded" error={other} />}
          <div>
            <Box variant="awsui-key-label">Goods of order {id.slice(0, 8)}</Box>
            <Goods lines={lines} />
          </div>
          <FormField
            label={
              <span>
                Tracking code <i>- optional</i>
              </span>
            }
            description="The carrier's. The customer gets it by e-mail."
            errorText={fieldError(dispatch.error, "tracking")}
          >
            <Input
              value={tracking}
              autoFocus
              spellcheck={false}
              onChange={({ detail }) => {
                dispatch.reset();
                setTracking(detail.value);
              }}
            />
          </FormField>
        </SpaceBetween>
      </form>
    </Modal>
  );
}
