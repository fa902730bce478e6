/** The redrive or the drop of dead letters: first a dry run, then the confirmation, then the outcome. */

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button, { type ButtonProps } from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";
import { answer, type Api } from "../../shared/api";
import { usePage } from "../../shared/page";
import { ProblemError } from "../../shared/problem";
import { formatNumber } from "../shared/format";
import { LongText } from "../shared/LongText";
import { Failed, Loading, messageOf } from "../shared/states";
import {
  type DeadLetter,
  failingAgain,
  formatReasons,
  KINDS,
  type QueueSelection,
  type Recovery,
  type RecoveryResult,
  selectByQueue,
} from "./failures";

const TEXTS = {
  redrive: {
    title: "Redrive dead letters",
    verb: "Redrive",
    meaning: "They are sent to their services again. Those of an order stay in sequence.",
    planned: "Would be sent",
    done: "Sent",
  },
  drop: {
    title: "Drop dead letters",
    verb: "Drop",
    meaning:
      "They are deleted, and their services never handle them. The record of actions keeps their ids, types and reasons, but no message. The command tidings dlq drop keeps the messages in a file.",
    planned: "Would be deleted",
    done: "Deleted",
  },
} as const satisfies Record<Recovery, object>;

/** The outcome for the dead letters of one queue. */
interface Outcome extends QueueSelection {
  /** null if it is not known. */
  readonly result: RecoveryResult | null;
  readonly error: unknown;
}

/** The outcome for messages none of which is in the queue. */
const NOTHING: RecoveryResult = {
  matched: 0,
  done: 0,
  left: 0,
  ids: [],
  reasons: {},
  refused: {},
  missing: [],
  truncated: false,
  action: null,
};

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
  const held = plan.data?.some(isHeld) ?? false;
  const close = useRef<ButtonProps.Ref>(null);
  useEffect(() => {
    // The button that was pressed is gone, and with it the focus that the dialog's keys need.
    if (run.isSuccess) close.current?.focus();
  }, [run.isSuccess]);
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
            <Button ref={close} variant="link" onClick={onClose}>
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
                {held && (
                  <Alert
                    type="info"
                    action={
                      <Button loading={plan.isFetching} onClick={() => void plan.refetch()}>
                        Look again
                      </Button>
                    }
                  >
                    Another request holds some of the messages for a few seconds. They are not lost.
                  </Alert>
                )}
                {matched > 0 ? (
                  <Warning action={action} letters={letters} />
                ) : (
                  !held && <Alert type="info">The messages are no longer in their queues: nothing is left to do.</Alert>
                )}
              </>
            )}
          </>
        )}
      </SpaceBetween>
    </Modal>
  );
}

function Warning({ action, letters }: { action: Recovery; letters: readonly DeadLetter[] }): ReactNode {
  if (action === "drop")
    return <Alert type="warning">This cannot be undone. The orders of these messages may remain as they are.</Alert>;
  const failing = failingAgain(letters);
  if (failing.length === 0) return null;
  return (
    <Alert type="warning" header="Some will fail again unless their cause is removed">
      <ul>
        {failing.map(([remedy, count]) => (
          <li key={remedy}>
            {countMessages(count)}: {remedy}
          </li>
        ))}
      </ul>
    </Alert>
  );
}

function Done({ outcomes, done }: { outcomes: readonly Outcome[]; done: string }): ReactNode {
  const results = outcomes.flatMap(({ result }) => result ?? []);
  const total = results.reduce((sum, result) => sum + result.done, 0);
  const missed = outcomes.some(({ ids, result }) => result !== null && result.done < ids.length);
  return (
    <div role="status">
      <SpaceBetween size="l">
        {outcomes.map(
          ({ service, kind, error }) =>
            error !== null && (
              <Alert key={`${service} ${kind}`} type="error" header={`${service}: not known what was done`}>
                {messageOf(error)} See the record of actions before you try again.
              </Alert>
            ),
        )}
        <Alert type={missed ? "warning" : "success"} header={`${done}: ${countMessages(total)}`}>
          {outcomes.some(isHeld)
            ? "Another request held the others for a moment. They are not lost: select them in the list, and try again."
            : missed
              ? "The others are no longer in their queues, were refused, or came back. Those that are there are still listed."
              : "The list of dead letters is read again."}
        </Alert>
        {results.map(({ refused }) =>
          Object.entries(refused).map(([id, reason]) => (
            <Alert key={id} type="error" header="A queue refused a message">
              <LongText>
                {id}: {reason}
              </LongText>
            </Alert>
          )),
        )}
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
  const count = (result: RecoveryResult | null, name: "matched" | "done" | "left") =>
    result === null ? "?" : formatNumber(result[name]);
  return (
    <Table
      variant="embedded"
      wrapLines
      ariaLabels={{ tableLabel: label }}
      items={outcomes}
      columnDefinitions={[
        { id: "service", header: "Service", cell: ({ service }) => service, isRowHeader: true },
        { id: "kind", header: "Kind", cell: ({ kind }) => KINDS[kind] },
        { id: "selected", header: "Selected", cell: ({ ids }) => formatNumber(ids.length) },
        { id: number, header: column, cell: ({ result }) => count(result, number) },
        ...(number === "done"
          ? [{ id: "left", header: "Left", cell: ({ result }: Outcome) => count(result, "left") }]
          : [
              {
                id: "reasons",
                header: "Reasons",
                cell: ({ result }: Outcome) => (
                  <LongText>{result === null ? "?" : formatReasons(result.reasons)}</LongText>
                ),
              },
            ]),
      ]}
    />
  );
}

/** Returns whether another request held messages that were selected. */
function isHeld({ result }: Outcome): boolean {
  return result !== null && result.truncated && result.missing.length > 0;
}

function countMessages(count: number): string {
  return `${formatNumber(count)} ${count === 1 ? "message" : "messages"}`;
}

/** Recovers the dead letters of each queue. A refusal for one does not hold up the others. */
async function recover(
  api: Api,
  action: Recovery,
  letters: readonly DeadLetter[],
  dryRun: boolean,
): Promise<readonly Outcome[]> {
  const outcomes = selectByQueue(letters).map(async (selection): Promise<Outcome> => {
    const { service, kind, ids } = selection;
    const body = { kind, ids: [...ids], reason: null, order: null, dry_run: dryRun };
    const path = `/operators/dead-letters/{service}/${action}` as const;
    try {
      const result = await answer(api.POST(path, { params: { path: { service } }, body }));
      return { ...selection, result, error: null };
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) return { ...selection, result: NOTHING, error: null };
      return { ...selection, result: null, error };
    }
  });
  return Promise.all(outcomes);
}
