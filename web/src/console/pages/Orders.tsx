/** Ways to an order: its id, its customer's id, or the events that have just arrived. */

import Grid from "@cloudscape-design/components/grid";
import SpaceBetween from "@cloudscape-design/components/space-between";
import type { ReactNode } from "react";
import { useSearchParams } from "wouter";
import { CustomerOrders } from "../orders/CustomerOrders";
import { IdForm } from "../orders/IdForm";
import { RecentOrders } from "../orders/RecentOrders";
import { Page } from "../shared/states";
import { useLocation } from "wouter";

export default function Orders(): ReactNode {
  const [, navigate] = useLocation();
  const [search, setSearch] = useSearchParams();
  const customer = search.get("customer");
  return (
    <Page title="Orders" description="Find an order, or the orders of a customer.">
      <SpaceBetween size="l">
        <Grid gridDefinition={[{ colspan: { default: 12, s: 6 } }, { colspan: { default: 12, s: 6 } }]}>
          <IdForm
            title="An order"
            label="Id of the order"
            action="Show the order"
            onFind={(id) => {
              navigate(`/orders/${id}`);
            }}
          />
          <IdForm
            key={customer}
            title="A customer's orders"
            label="Id of the customer"
            action="List the orders"
            value={customer ?? ""}
            onFind={(id) => {
              setSearch({ customer: id });
            }}
          />
        </Grid>
        {customer !== null && <CustomerOrders key={customer} id={customer} />}
        <RecentOrders />
      </SpaceBetween>
    </Page>
  );
}
