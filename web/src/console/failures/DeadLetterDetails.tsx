/** A dead letter: why it failed, and its message if an operator asks for it. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { LongText } from "../shared/LongText";
import { PageLink, Queried, Time } from "../shared/states";
import { type DeadLetter, formatBody, formatRemedy, KINDS } from "./failures";

/** Shows a dead letter. */
export function DeadLetterDetails({ letter, onClose }: { letter: DeadLetter; onClose: () => void }): ReactNode {
  const [asked, setAsked] = useState(false);
  const { service, kind, event, order, type, reason, receives, detail, sent_at: sentAt } = letter;
  return (
    <Modal
      visible
      size="large"
      onDismiss={onClose}
      closeAriaLabel="Close"
      header={<LongText>{type ?? "A message without an event"}</LongText>}
      footer={
        <Box float="right">
          <Button onClick={onClose}>Close</Button>
        </Box>
      }
    >
      <SpaceBetween size="l">
        <KeyValuePairs
          columns={3}
          items={[
            { label: "Service", value: service },
            { label: "Kind", value: KINDS[kind] },
            {
              label: "Reason",
              value: (
                <LongText>
                  <Box variant="code">{reason}</Box>
                </LongText>
              ),
            },
            {
              label: "Order",
              value:
                order === null ? (
                  "–"
                ) : (
                  <LongText>
                    <PageLink to={`/orders/${encodeURIComponent(order)}`}>{order}</PageLink>
                  </LongText>
                ),
            },
            { label: "First sent", value: <Time at={sentAt} /> },
            { label: "Deliveries", value: receives ?? "–" },
            { label: "Event", value: <LongText>{event ?? "–"}</LongText> },
            { label: "Message", value: letter.id },
          ]}
        />
        <KeyValuePairs
          items={[
            ...(detail === "" ? [] : [{ label: "Error", value: <LongText>{detail}</LongText> }]),
            { label: "What helps", value: formatRemedy(letter) },
          ]}
        />
        {asked ? (
          <Body letter={letter} />
        ) : (
          <Alert
            type="info"
            header="The message may contain personal data"
            action={
              <Button
                onClick={() => {
                  setAsked(true);
                }}
              >
                Show the message
              </Button>
            }
          >
            Look at it only if you need it to find the cause.
          </Alert>
        )}
      </SpaceBetween>
    </Modal>
  );
}

function Body({ letter: { service, kind, id } }: { letter: DeadLetter }): ReactNode {
  const { api } = usePage();
  const query = useQuery({
    queryKey: ["dead-letter", service, kind, id],
    queryFn: () =>
      answer(api.GET("/operators/dead-letters/{service}/{id}", { params: { path: { service, id }, query: { kind } } })),
    // Personal data is not kept longer than it is shown.
    gcTime: 0,
  });
  return (
    <Queried query={query} what="the message">
      {({ body }) => (
        <section aria-label="Message" tabIndex={0} style={{ maxBlockSize: "24rem", overflow: "auto" }}>
          <Box variant="pre">{formatBody(body)}</Box>
        </section>
      )}
    </Queried>
  );
}
