/** The export and the erasure of a customer's personal data. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Link from "@cloudscape-design/components/link";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "wouter";
import type { components } from "../../generated/api";
import { answer } from "../../shared/api";
import { usePage, usePerson } from "../../shared/page";
import { forgetKey, keyOf } from "../shared/attempts";
import { formatNumber } from "../shared/format";
import { Failed, PageLink, Queried, Time } from "../shared/states";

type Job = components["schemas"]["JobView"];
type Kind = Job["kind"];

/** How often a job that is not ended is read again, in milliseconds. */
const INTERVAL = 2000;

const WORD = "erase";

/** Offers to export and to erase a customer's personal data, and shows the job that does it. */
export function PersonalData({ customer }: { customer: string }): ReactNode {
  const { api } = usePage();
  const queries = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const [isErasing, setErasing] = useState(false);
  const job = search.get("job");
  const operator = usePerson()?.id ?? "";
  const start = useMutation({
    mutationFn: async (kind: Kind) => {
      // A request whose answer was lost is repeated with its key, and gets its job.
      const request = [operator, kind, customer];
      const params = { path: { id: customer }, header: { "Idempotency-Key": keyOf(...request) } };
      const started = await answer(api.POST(`/operators/customers/{id}/${kind}`, { params }));
      forgetKey(...request);
      return started;
    },
    onSuccess: (started) => {
      setErasing(false);
      queries.setQueryData(["job", customer, started.id], started);
      setSearch({ id: customer, job: started.id });
    },
  });
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="The export is a file for the customer. The erasure removes names, addresses and e-mail addresses everywhere, and at last the account. Orders remain without them."
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button
                loading={start.isPending && start.variables === "export"}
                onClick={() => {
                  start.mutate("export");
                }}
              >
                Export
              </Button>
              <Button
                onClick={() => {
                  setErasing(true);
                }}
              >
                Erase…
              </Button>
            </SpaceBetween>
          }
        >
          Personal data
        </Header>
      }
    >
      <SpaceBetween size="m">
        {start.isError && !isErasing && <Failed title="The job was not begun" error={start.error} />}
        {job === null ? (
          <Box color="text-body-secondary">No job was begun here.</Box>
        ) : (
          <JobView customer={customer} job={job} />
        )}
      </SpaceBetween>
      {isErasing && (
        <ErasureDialog
          error={start.error}
          isPending={start.isPending}
          onErase={() => {
            start.mutate("erasure");
          }}
          onClose={() => {
            start.reset();
            setErasing(false);
          }}
        />
      )}
    </Container>
  );
}

function ErasureDialog({
  error,
  isPending,
  onErase,
  onClose,
}: {
  error: unknown;
  isPending: boolean;
  onErase: () => void;
  onClose: () => void;
}): ReactNode {
  const [text, setText] = useState("");
  return (
    <Modal
      visible
      header="Erase all personal data of this customer"
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" loading={isPending} disabled={text !== WORD} onClick={onErase}>
              Erase
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type="warning">
          This cannot be undone. The job waits for orders that are under way, and removes the account at its end: the
          customer can no longer sign in.
        </Alert>
        {error !== null && <Failed title="The job was not begun" error={error} />}
        <FormField label={`To confirm, type ${WORD}`}>
          <Input
            value={text}
            autoFocus
            spellcheck={false}
            autoComplete={false}
            onChange={({ detail }) => {
              setText(detail.value);
            }}
          />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}

const STATUSES = {
  waiting: { type: "pending", text: "Waits for what is under way" },
  running: { type: "in-progress", text: "Running" },
  done: { type: "success", text: "Done" },
  failed: { type: "error", text: "Failed" },
} as const;

function JobView({ customer, job }: { customer: string; job: string }): ReactNode {
  const { api } = usePage();
  const query = useQuery({
    queryKey: ["job", customer, job],
    queryFn: () => answer(api.GET("/operators/customers/{id}/jobs/{job}", { params: { path: { id: customer, job } } })),
    refetchInterval: ({ state: { data } }) => (data?.status === "done" || data?.status === "failed" ? false : INTERVAL),
  });
  return (
    <Queried query={query} what="the job">
      {({ kind, status, requested_at: at, requested_by: by, orders, under_way: underWay, url }) => (
        <SpaceBetween size="m">
          <KeyValuePairs
            columns={4}
            items={[
              { label: "Job", value: kind === "export" ? "Export" : "Erasure" },
              {
                label: "Status",
                value: (
                  <div role="status">
                    <StatusIndicator type={STATUSES[status].type}>{STATUSES[status].text}</StatusIndicator>
                  </div>
                ),
              },
              {
                label: "Requested",
                value: (
                  <>
                    <Time at={at} /> by {by === "customer" ? "the customer" : "an operator"}
                  </>
                ),
              },
              { label: "Orders", value: formatNumber(orders) },
            ]}
          />
          {status === "failed" && (
            <Alert type="error">The job ended without doing everything. Begin it again, and see the runbook.</Alert>
          )}
          {underWay.length > 0 && (
            <div>
              <Box variant="awsui-key-label">Under way</Box>
              <ul>
                {underWay.map(({ order, what }) => (
                  <li key={`${order} ${what}`}>
                    <PageLink to={`/orders/${order}`}>{order.slice(0, 8)}</PageLink>: {what}
                  </li>
                ))}
              </ul>
            </div>
          )}
          {url !== null && (
            <Link href={url} external externalIconAriaLabel="Opens in a new tab">
              The file, for a short time
            </Link>
          )}
        </SpaceBetween>
      )}
    </Queried>
  );
}
