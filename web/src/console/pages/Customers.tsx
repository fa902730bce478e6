/** Customers: a customer's points, and the export and the erasure of the customer's personal data. */

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "wouter";
import { PersonalData } from "../customers/PersonalData";
import { Points } from "../customers/Points";
import { Page, PageLink } from "../shared/states";

/** A customer's id, as the API takes it. */
const ID = /^[0-9A-Za-z-]{1,64}$/;

export default function Customers(): ReactNode {
  const [search, setSearch] = useSearchParams();
  const id = search.get("id") ?? "";
  return (
    <Page
      title="Customers"
      description="A customer's points, and the export and the erasure of personal data at the customer's request."
    >
      <SpaceBetween size="l">
        <Container>
          <Choice
            key={id}
            id={id}
            onChoose={(chosen) => {
              setSearch({ id: chosen });
            }}
          />
        </Container>
        {ID.test(id) && (
          <SpaceBetween size="l">
            <PersonalData key={`data ${id}`} customer={id} />
            <Points key={`points ${id}`} customer={id} />
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Page>
  );
}

function Choice({ id, onChoose }: { id: string; onChoose: (id: string) => void }): ReactNode {
  const [text, setText] = useState(id);
  const [isChecked, setChecked] = useState(id !== "");
  const isValid = ID.test(text.trim());
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setChecked(true);
        if (isValid) onChoose(text.trim());
      }}
    >
      <SpaceBetween size="s">
        <Header variant="h2" description="A customer's id is the sub of the customer's tokens. An order names it, too.">
          Choose a customer
        </Header>
        <FormField
          label="Customer's id"
          errorText={isChecked && !isValid ? "An id is 1 to 64 letters, digits or hyphens." : undefined}
          secondaryControl={
            <Button variant="primary" formAction="submit">
              Show
            </Button>
          }
        >
          <Input
            value={text}
            spellcheck={false}
            onChange={({ detail }) => {
              setChecked(false);
              setText(detail.value);
            }}
          />
        </FormField>
        {id !== "" && isValid && (
          <Box>
            <PageLink to={`/orders?customer=${id}`}>Orders of this customer</PageLink>
          </Box>
        )}
      </SpaceBetween>
    </form>
  );
}
