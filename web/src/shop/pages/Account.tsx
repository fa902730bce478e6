/** The caller's account: points, and what the shop keeps about the person. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import { answer } from "../../shared/api";
import { usePage, usePerson } from "../../shared/page";
import { clearBasket } from "../basket";
import { jobQuery, usePoints } from "../data";
import { forgetJob, type JobKind, newRequest, readJob, rememberJob } from "../jobs";
import { describeError } from "../errors";
import { Button, FormProblem, Question } from "../parts/forms";
import { More, Page, Shown, SignInFirst } from "../parts/Page";
import { forgetKey, keyOf } from "../placing";
import { formatTime, type Job } from "../words";

/** How often a job is read again, in milliseconds. The link to an export is valid for 15 minutes. */
const RUNNING = 5_000;
const LINK = 10 * 60_000;

export function Account(): ReactNode {
  const { session } = usePage();
  const person = usePerson();
  const [erased, setErased] = useState(false);
  if (erased) {
    return (
      <Page key="erased" title="Your account is erased">
        <p>The shop keeps no personal data about you. Thank you for having been our customer.</p>
      </Page>
    );
  }
  if (person === null) {
    return (
      <SignInFirst title="Account" path="/account">
        Sign in to see your account
      </SignInFirst>
    );
  }
  return (
    <Page title="Account">
      <div className="row">
        <p>
          You are signed in as <strong>{person.email}</strong>.
        </p>
        <button className="narrow" onClick={() => void session.signOut()}>
          Sign out
        </button>
      </div>
      <Points />
      <section aria-labelledby="data" className="stack">
        <h2 id="data">Your data</h2>
        <Export person={person.id} />
        <Erasure
          person={person.id}
          onDone={() => {
            setErased(true);
          }}
        />
      </section>
    </Page>
  );
}

const NOT_AWARDED = { forbidden: "none: the order was cancelled", revoked: "taken back" } as const;

function Points(): ReactNode {
  const { query, pages, items } = usePoints();
  return (
    <section aria-labelledby="points">
      <h2 id="points">Your points</h2>
      <Shown what="your points" read={{ ...query, data: items }} rows={2}>
        {(entries) => (
          <>
            <p className="large">
              <strong>{pages?.[0]?.balance}</strong> points
            </p>
            {entries.length === 0 && <p className="quiet">Each confirmed order earns points.</p>}
            <ul className="rows">
              {entries.map(({ order, points, status, earned_at }) => (
                <li key={order}>
                  <Link href={`/orders/${order}`}>
                    <time dateTime={earned_at}>{formatTime(earned_at)}</time>
                    {status !== "awarded" && <span className="quiet">{NOT_AWARDED[status]}</span>}
                    <span className={status === "awarded" ? "price" : "price gone"}>{points} points</span>
                  </Link>
                </li>
              ))}
            </ul>
            <More what="points" query={query} />
          </>
        )}
      </Shown>
    </section>
  );
}

/** Requests a job, and reads it until it is done. */
function useJob(person: string, kind: JobKind) {
  const { api } = usePage();
  const [id, setId] = useState(() => readJob(person, kind));
  const request = useMutation({
    mutationFn: () => {
      const params = { header: { "Idempotency-Key": newRequest(person, kind) } };
      return answer(kind === "export" ? api.POST("/me/export", { params }) : api.POST("/me/erasure", { params }));
    },
    onSuccess: (job) => {
      rememberJob(person, kind, job.id);
      setId(job.id);
    },
  });
  const read = useQuery({
    ...jobQuery(api, id ?? ""),
    enabled: id !== null,
    refetchInterval: ({ state: { data } }) => (data === null ? false : data?.status === "done" ? LINK : RUNNING),
  });
  // A finished job is deleted after a while.
  const gone = read.data === null;
  useEffect(() => {
    if (gone) forgetJob(person, kind);
  }, [gone, person, kind]);
  const job = id === null || gone ? undefined : (read.data ?? request.data);
  const unknown = id !== null && !gone && job === undefined && read.error === null;
  return { job, unknown, error: read.error, request };
}

function Export({ person }: { person: string }): ReactNode {
  const { job, unknown, error, request } = useJob(person, "export");
  return (
    <div className="panel">
      <h3>Export</h3>
      <p>Get a file with all that the shop keeps about you.</p>
      <Progress job={job} error={error} />
      {job?.url && (
        <p>
          <a className="button primary" href={job.url} download rel="noreferrer">
            Download your data
          </a>
        </p>
      )}
      <FormProblem problem={request.error} fields={[]} />
      {!unknown && (job === undefined || job.status === "done") && (
        <Button
          inactive={request.isPending}
          onClick={() => {
            request.mutate();
          }}
        >
          {job === undefined ? "Export your data" : "Export it again"}
        </Button>
      )}
    </div>
  );
}

function Erasure({ person, onDone }: { person: string; onDone: () => void }): ReactNode {
  const { session } = usePage();
  const { job, unknown, error, request } = useJob(person, "erasure");
  const [asking, setAsking] = useState(false);
  const done = job?.status === "done";
  useEffect(() => {
    if (!done) return;
    onDone();
    clearBasket();
    forgetJob(person, "export");
    forgetJob(person, "erasure");
    forgetKey(person, keyOf(person));
    void session.expire();
  }, [done, onDone, person, session]);
  return (
    <div className="panel">
      <h3>Erasure</h3>
      <p>Erase all personal data about you, and your account at last.</p>
      <Progress job={job} error={error} />
      {!unknown && job === undefined && (
        <button
          className="danger"
          onClick={() => {
            request.reset();
            setAsking(true);
          }}
        >
          Erase your account
        </button>
      )}
      {asking && job === undefined && (
        <Question
          title="Erase your account?"
          yes="Erase everything"
          no="Keep it"
          busy={request.isPending}
          problem={request.error}
          onYes={() => {
            request.mutate();
          }}
          onNo={() => {
            setAsking(false);
          }}
        >
          <p>
            It cannot be undone. Your name, addresses, e-mail address and points are erased, and you can no longer sign
            in. Orders that are not finished are erased when they are.
          </p>
        </Question>
      )}
    </div>
  );
}

const JOBS: Readonly<Record<Job["kind"], Readonly<Record<Job["status"], string>>>> = {
  export: {
    running: "We are collecting your data. This takes a moment.",
    waiting: "We are collecting your data. This takes a moment.",
    failed: "The export failed. We try it again by ourselves.",
    done: "Your file is ready. We keep it for seven days.",
  },
  erasure: {
    running: "We are erasing your data. You can close this page.",
    waiting: "We are erasing your data, which can take hours. You can close this page.",
    failed: "The erasure failed. We try it again by ourselves.",
    done: "Your data is erased.",
  },
};

function Progress({ job, error }: { job: Job | undefined; error: Error | null }): ReactNode {
  return (
    <div role="status">
      {job !== undefined && <p>{JOBS[job.kind][job.status]}</p>}
      {job !== undefined && job.under_way.length > 0 && (
        <>
          <p>These orders are not finished yet:</p>
          <ul>
            {job.under_way.map(({ order }) => (
              <li key={order}>
                <Link href={`/orders/${order}`}>
                  <code>{order}</code>
                </Link>
              </li>
            ))}
          </ul>
        </>
      )}
      {error !== null && <p className="problem">We could not see how far it is. {describeError(error)}</p>}
    </div>
  );
}
