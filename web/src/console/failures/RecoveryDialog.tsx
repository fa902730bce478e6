/** The redrive or the drop of dead letters: first a dry run, then the confirmation, then the outcome. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { answer, type Api } from "../../shared/api";
import { usePage } from "../../shared/page";
import { formatNumber } from "../shared/format";
import { Failed, Loading, messageOf } from "../shared/states";
import { countReasons, type DeadLetter, idsByService, type Recovery, type RecoveryResult } from "./failures";

const TEXTS = {
  redrive: {
    title: "Redrive dead letters",
    verb: "Redrive",
    meaning: "They are sent to their services again, and those of an order stay in sequence.",
    warning: "A message fails again unless the cause of its failure is removed.",
    planned: "Would be sent",
    done: "Sent",
  },
  drop: {
    title: "Drop dead letters",
    verb: "Drop",
    meaning: "They are deleted, and their services never handle them.",
    warning: "This cannot be undone. Their orders may stay as they are for ever.",
    planned: "Would be deleted",
    done: "Deleted",
  },
} as const satisfies Record<Recovery, object>;

/** The outcome for the dead letters of one service. */
interface Outcome {
  readonly service: string;
  readonly requested: number;
  readonly result: RecoveryResult | null;
  readonly error: unknown;
}

/** Redrives or drops dead letters once the operator has confirmed what a dry run says. */
export function RecoveryDialog({
  action,
  letters,
  onClose,
  onDone,
}: {
  action: Recovery;
  letters: readonly DeadLetter[];
  onClose: () => void;
  onDone: () => void;
}): ReactNode {
  const { api } = usePage();
  const texts = TEXTS[action];
  const plan = useQuery({
    queryKey: ["recovery", action, letters.map(({ id }) => id)],
    queryFn: async () => {
      const outcomes = await recover(api, action, letters, true);
      const failed = outcomes.find(({ error }) => error !== null);
      if (failed !== undefined) throw failed.error;
      return outcomes;
    },
    gcTime: 0,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const run = useMutation({ mutationFn: () => recover(api, action, letters, false), onSettled: onDone });
  const matched = plan.data?.reduce((total, { result }) => total + (result?.matched ?? 0), 0) ?? 0;
  return (
    <Modal
      visible
      size="large"
      header={texts.title}
      closeAriaLabel="Close"
      onDismiss={onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {run.isSuccess ? "Close" : "Cancel"}
            </Button>
            {!run.isSuccess && (
              <Button
                variant="primary"
                loading={run.isPending}
                loadingText="The messages are being received"
                disabled={matched === 0}
                onClick={() => {
                  run.mutate();
                }}
              >
                {plan.data === undefined ? texts.verb : `${texts.verb} ${countMessages(matched)}`}
              </Button>
            )}
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="l">
        {run.isSuccess ? (
          <Done outcomes={run.data} done={texts.done} />
        ) : (
          <>
            <Box>{texts.meaning}</Box>
            {plan.isPending && <Loading what="what would happen" />}
            {plan.isError && (
              <Failed
                title="The dry run failed: nothing was done"
                error={plan.error}
                again={() => void plan.refetch()}
              />
            )}
            {run.isError && <Failed title="Nothing was done" error={run.error} />}
            {plan.data !== undefined && (
              <>
                <OutcomeTable label="What would happen" outcomes={plan.data} column={texts.planned} number="matched" />
                <Box color="text-body-secondary">
                  Reasons:{" "}
                  {countReasons(letters)
                    .map(([reason, count]) => `${reason} ${formatNumber(count)}`)
                    .join(", ")}
                </Box>
                {matched === 0 ? (
                  <Alert type="info">The messages are no longer in their queues, or are just being received.</Alert>
                ) : (
                  <Alert type="warning">{texts.warning}</Alert>
                )}
              </>
            )}
          </>
        )}
      </SpaceBetween>
    </Modal>
  );
}

function Done({ outcomes, done }: { outcomes: readonly Outcome[]; done: string }): ReactNode {
  const failed = outcomes.filter(({ error }) => error !== null);
  const missed = outcomes.some(({ requested, result }) => result !== null && result.done < requested);
  const total = outcomes.reduce((sum, { result }) => sum + (result?.done ?? 0), 0);
  return (
    <div role="status">
      <SpaceBetween size="l">
        {failed.map(({ service, error }) => (
          <Alert key={service} type="error" header={`${service}: not known what was done`}>
            {messageOf(error)} Look at the record of actions before you try again.
          </Alert>
        ))}
        <Alert type={missed ? "warning" : "success"} header={`${done}: ${countMessages(total)}`}>
          {missed
            ? "Others were refused by the queue, or were no longer in it. They are still listed if they are there."
            : "The list is read again."}
        </Alert>
        <OutcomeTable label="What happened" outcomes={outcomes} column={done} number="done" />
      </SpaceBetween>
    </div>
  );
}

function OutcomeTable({
  label,
  outcomes,
  column,
  number,
}: {
  label: string;
  outcomes: readonly Outcome[];
  column: string;
  number: "matched" | "done";
}): ReactNode {
  return (
    <Table
      variant="embedded"
      ariaLabels={{ tableLabel: label }}
      items={outcomes}
      columnDefinitions={[
        { id: "service", header: "Service", cell: ({ service }) => service, isRowHeader: true },
        { id: "requested", header: "Selected", cell: ({ requested }) => formatNumber(requested) },
        { id: number, header: column, cell: ({ result }) => (result === null ? "?" : formatNumber(result[number])) },
        {
          id: "left",
          header: number === "matched" ? "In the queue now" : "Left in the queue",
          cell: ({ result }) => (result === null ? "?" : formatNumber(result.left)),
        },
      ]}
    />
  );
}

function countMessages(count: number): string {
  return `${formatNumber(count)} ${count === 1 ? "message" : "messages"}`;
}

/** Recovers the dead letters of each service. A refusal for one does not hold up the others. */
async function recover(
  api: Api,
  action: Recovery,
  letters: readonly DeadLetter[],
  dryRun: boolean,
): Promise<readonly Outcome[]> {
  const outcomes = [...idsByService(letters)].map(async ([service, ids]): Promise<Outcome> => {
    const body = { ids: [...ids], reason: null, order: null, dry_run: dryRun };
    const path = `/operators/dead-letters/{service}/${action}` as const;
    try {
      const result = await answer(api.POST(path, { params: { path: { service } }, body }));
      return { service, requested: ids.length, result, error: null };
    } catch (error) {
      return { service, requested: ids.length, result: null, error };
    }
  });
  return Promise.all(outcomes);
}
