/** A form that asks for an id. */

import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import { type ReactNode, useState } from "react";

/** Ids of orders and customers are UUIDs. */
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function IdForm({
  title,
  label,
  action,
  value = "",
  onFind,
}: {
  title: string;
  label: string;
  /** The text of the button. */
  action: string;
  value?: string;
  onFind: (id: string) => void;
}): ReactNode {
  const [text, setText] = useState(value);
  const [invalid, setInvalid] = useState(false);
  return (
    <Container header={<Header variant="h2">{title}</Header>} fitHeight>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          const id = text.trim().toLowerCase();
          setInvalid(!UUID.test(id));
          if (UUID.test(id)) onFind(id);
        }}
      >
        <FormField
          label={label}
          errorText={invalid && "An id has 32 digits in five groups, such as 0b36f2ff-6a5d-4f6c-a5f0-5f5a0e4f3f4e."}
          secondaryControl={<Button formAction="submit">{action}</Button>}
        >
          <Input
            value={text}
            type="search"
            clearAriaLabel="Clear"
            onChange={({ detail }) => {
              setText(detail.value);
              setInvalid(false);
            }}
          />
        </FormField>
      </form>
    </Container>
  );
}
