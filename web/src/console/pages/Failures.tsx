/** Failures: the dead letters of all services, their recovery, and the record of what operators have done. */

import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Input from "@cloudscape-design/components/input";
import Link from "@cloudscape-design/components/link";
import Pagination from "@cloudscape-design/components/pagination";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useSearchParams } from "wouter";
import type { components } from "../../generated/api";
import { services } from "../../generated/catalogue";
import { answer } from "../../shared/api";
import { usePage } from "../../shared/page";
import { Actions } from "../failures/Actions";
import { DeadLetterDetails } from "../failures/DeadLetterDetails";
import {
  countReasons,
  type DeadLetter,
  type DeadLetterFilter,
  conditionsOf,
  formatReasons,
  KINDS,
  type Recovery,
  redriveRefusal,
} from "../failures/failures";
import { RecoveryDialog } from "../failures/RecoveryDialog";
import { formatNumber } from "../shared/format";
import { LongText } from "../shared/LongText";
import { Empty, Failed, Page, PageLink, Time } from "../shared/states";

type DeadLetterList = components["schemas"]["DeadLetterList"];

const NOT_KNOWN: DeadLetterList = { items: [], truncated: false, held: 0 };

const PAGE_SIZE = 20;

export default function Failures(): ReactNode {
  return (
    <Page
      title="Failures"
      description="Messages that a service could not handle, that did not reach its queue, or that its relay could not publish."
    >
      <SpaceBetween size="xl">
        <DeadLetters />
        <Actions />
      </SpaceBetween>
    </Page>
  );
}

function DeadLetters(): ReactNode {
  const { api } = usePage();
  const queries = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const filter: DeadLetterFilter = {
    service: search.get("service") ?? "",
    kind: search.get("kind") ?? "",
    reason: search.get("reason") ?? "",
    order: search.get("order") ?? "",
  };
  const query = useQuery({
    queryKey: ["dead-letters", filter],
    queryFn: () => answer(api.GET("/operators/dead-letters", { params: { query: conditionsOf(filter) } })),
    placeholderData: keepPreviousData,
  });
  const [shown, setShown] = useState<DeadLetter | null>(null);
  const [recovery, setRecovery] = useState<{ action: Recovery; letters: readonly DeadLetter[] } | null>(null);
  const change = (changed: Partial<DeadLetterFilter>) => {
    setSearch(
      Object.entries({ ...filter, ...changed }).filter(([, value]) => value !== ""),
      { replace: true },
    );
  };
  return (
    <>
      <SpaceBetween size="l">
        {query.error !== null && (
          <Failed
            title={
              query.data === undefined
                ? "Could not load the dead letters"
                : "Could not load the dead letters again: they may be old"
            }
            error={query.error}
            again={() => void query.refetch()}
          />
        )}
        {/* The filter stays when a list fails: it may be why. */}
        <DeadLetterTable
          list={query.data}
          filter={filter}
          loading={query.isFetching}
          onFilter={change}
          onShow={setShown}
          onRecover={(action, letters) => {
            setRecovery({ action, letters });
          }}
          onRefresh={() => void query.refetch()}
        />
      </SpaceBetween>
      {shown !== null && (
        <DeadLetterDetails
          letter={shown}
          onClose={() => {
            setShown(null);
          }}
        />
      )}
      {recovery !== null && (
        <RecoveryDialog
          action={recovery.action}
          letters={recovery.letters}
          onClose={() => {
            setRecovery(null);
          }}
          onDone={() => {
            void queries.invalidateQueries({ queryKey: ["dead-letters"] });
            void queries.invalidateQueries({ queryKey: ["actions"] });
            void queries.invalidateQueries({ queryKey: ["order"] });
          }}
        />
      )}
    </>
  );
}

function DeadLetterTable({
  list,
  filter,
  loading,
  onFilter,
  onShow,
  onRecover,
  onRefresh,
}: {
  /** undefined while it is not known. */
  list: DeadLetterList | undefined;
  filter: DeadLetterFilter;
  loading: boolean;
  onFilter: (changed: Partial<DeadLetterFilter>) => void;
  onShow: (letter: DeadLetter) => void;
  onRecover: (action: Recovery, letters: readonly DeadLetter[]) => void;
  onRefresh: () => void;
}): ReactNode {
  const { items, truncated, held } = list ?? NOT_KNOWN;
  const isFiltered = Object.values(filter).some((value) => value !== "");
  const {
    items: rows,
    collectionProps,
    paginationProps,
  } = useCollection(items, {
    selection: { trackBy: "id", keepSelection: true },
    pagination: { pageSize: PAGE_SIZE },
    sorting: {},
  });
  const selectedIds = new Set(collectionProps.selectedItems?.map(({ id }) => id));
  const selected = items.filter(({ id }) => selectedIds.has(id));
  const refusal = redriveRefusal(selected);
  const counter = selected.length > 0 ? `${selected.length}/${items.length}` : formatNumber(items.length);
  return (
    <Table
      {...collectionProps}
      items={rows}
      trackBy="id"
      selectionType="multi"
      variant="container"
      stickyHeader
      wrapLines
      loading={list === undefined && loading}
      loadingText="Loading the dead letters…"
      ariaLabels={{
        tableLabel: "Dead letters",
        selectionGroupLabel: "Dead letters to redrive or drop",
        allItemsSelectionLabel: () => "Select all on this page",
        itemSelectionLabel: (_, { type, id }) => `Select ${type ?? "message"} ${id}`,
      }}
      header={
        <Header
          variant="h2"
          {...(list !== undefined && { counter: `(${counter}${truncated ? "+" : ""})` })}
          description={
            held > 0
              ? `About ${formatNumber(held)} more are held by another request, such as another operator's list. They return within seconds: read again.`
              : truncated
                ? "There are more than are shown. Choose a service and a kind, or recover these first."
                : formatReasons(countReasons(items))
          }
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="refresh" ariaLabel="Read again" loading={loading} onClick={onRefresh} />
              <Button
                disabled={selected.length === 0}
                onClick={() => {
                  onRecover("drop", selected);
                }}
              >
                Drop…
              </Button>
              <Button
                variant="primary"
                disabled={selected.length === 0 || refusal !== null}
                {...(refusal !== null && { disabledReason: refusal })}
                onClick={() => {
                  onRecover("redrive", selected);
                }}
              >
                Redrive…
              </Button>
            </SpaceBetween>
          }
        >
          Dead letters
        </Header>
      }
      filter={<Filters items={items} filter={filter} onFilter={onFilter} />}
      pagination={paginationProps.pagesCount > 1 && <Pagination {...paginationProps} />}
      empty={
        list === undefined ? (
          <Empty title="The dead letters are not known" />
        ) : truncated ? (
          <Empty title="No dead letter was found yet">
            <Button loading={loading} onClick={onRefresh}>
              Read again
            </Button>
          </Empty>
        ) : isFiltered ? (
          <Empty title="No dead letter meets the filter">
            <Button
              onClick={() => {
                onFilter({ service: "", kind: "", reason: "", order: "" });
              }}
            >
              Show all
            </Button>
          </Empty>
        ) : (
          <Empty title="No dead letters">Each message was handled, or is still being tried.</Empty>
        )
      }
      columnDefinitions={[
        {
          id: "event",
          header: "Event",
          isRowHeader: true,
          cell: (letter) => (
            <LongText>
              <Link
                onFollow={(event) => {
                  event.preventDefault();
                  onShow(letter);
                }}
              >
                {letter.type ?? "No event"}
              </Link>
            </LongText>
          ),
          sortingField: "type",
        },
        {
          id: "order",
          header: "Order",
          cell: ({ order }) =>
            order === null ? "–" : <PageLink to={`/orders/${encodeURIComponent(order)}`}>{order.slice(0, 8)}</PageLink>,
          sortingField: "order",
        },
        { id: "service", header: "Service", cell: ({ service }) => service, sortingField: "service" },
        { id: "kind", header: "Kind", cell: ({ kind }) => KINDS[kind], sortingField: "kind" },
        {
          id: "reason",
          header: "Reason",
          cell: ({ reason }) => (
            <LongText>
              <Box variant="code">{reason}</Box>
            </LongText>
          ),
          sortingField: "reason",
        },
        { id: "receives", header: "Deliveries", cell: ({ receives }) => receives ?? "–", sortingField: "receives" },
        { id: "sent_at", header: "First sent", cell: ({ sent_at: at }) => <Time at={at} />, sortingField: "sent_at" },
      ]}
    />
  );
}

function Filters({
  items,
  filter,
  onFilter,
}: {
  items: readonly DeadLetter[];
  filter: DeadLetterFilter;
  onFilter: (changed: Partial<DeadLetterFilter>) => void;
}): ReactNode {
  const names = new Set([...services.map(({ name }) => name), ...items.map(({ service }) => service)]);
  const reasons = new Set([...items.map(({ reason }) => reason), ...(filter.reason === "" ? [] : [filter.reason])]);
  return (
    <Grid gridDefinition={Array.from({ length: 4 }, () => ({ colspan: { default: 12, xxs: 6, s: 3 } }))}>
      <Choice
        label="Service"
        all="All services"
        value={filter.service}
        options={[...names].toSorted().map((name) => [name, name])}
        onChange={(service) => {
          onFilter({ service });
        }}
      />
      <Choice
        label="Kind"
        all="All kinds"
        value={filter.kind}
        options={Object.entries(KINDS)}
        onChange={(kind) => {
          onFilter({ kind });
        }}
      />
      <Choice
        label="Reason"
        all="All reasons"
        value={filter.reason}
        options={[...reasons].toSorted().map((reason) => [reason, reason])}
        onChange={(reason) => {
          onFilter({ reason });
        }}
      />
      <OrderFilter
        key={filter.order}
        value={filter.order}
        onChange={(order) => {
          onFilter({ order });
        }}
      />
    </Grid>
  );
}

/** The field for an order. The list is read when the id is complete: on Enter, or when the field is left. */
function OrderFilter({ value, onChange }: { value: string; onChange: (order: string) => void }): ReactNode {
  const [text, setText] = useState(value);
  const apply = () => {
    if (text.trim() !== value) onChange(text.trim());
  };
  return (
    <FormField label="Order" stretch>
      <Input
        type="search"
        placeholder="Id"
        clearAriaLabel="Show the dead letters of all orders"
        value={text}
        onChange={({ detail }) => {
          setText(detail.value);
          if (detail.value === "" && value !== "") onChange("");
        }}
        onBlur={apply}
        onKeyDown={({ detail }) => {
          if (detail.key === "Enter") apply();
        }}
      />
    </FormField>
  );
}

function Choice({
  label,
  all,
  value,
  options,
  onChange,
}: {
  label: string;
  all: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}): ReactNode {
  const choices = [{ value: "", label: all }, ...options.map(([value, label]) => ({ value, label }))];
  return (
    <FormField label={label} stretch>
      <Select
        options={choices}
        selectedOption={choices.find((choice) => choice.value === value) ?? { value, label: value }}
        onChange={({ detail }) => {
          onChange(detail.selectedOption.value ?? "");
        }}
      />
    </FormField>
  );
}
