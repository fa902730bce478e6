/** An entry of the runbook: what an alarm means, how to find its cause, and what to do. */

import Container from "@cloudscape-design/components/container";
import TextContent from "@cloudscape-design/components/text-content";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSearchParams } from "wouter";
import "../runbook/runbook.css";
import { type Block, findEntry, parseBlocks } from "../runbook/runbook";
import { Empty, Page, PageLink, Queried, Spans } from "../shared/states";

export default function Runbook({ entry }: { entry: string }): ReactNode {
  const [search] = useSearchParams();
  const service = search.get("service");
  const query = useQuery({
    queryKey: ["runbook"],
    queryFn: async () => (await import("../../../../docs/runbook.md?raw")).default,
    staleTime: Infinity,
  });
  return (
    <Page
      title={`Runbook: ${entry}`}
      description={
        <>
          {service !== null && `Commands are those for ${service}. `}
          <PageLink to="/services">All services and alarms</PageLink>
        </>
      }
    >
      <Container>
        <Queried query={query} what="the runbook">
          {(runbook) => {
            const text = findEntry(runbook, entry, service);
            return text === null ? (
              <Empty title="The runbook has no such entry" />
            ) : (
              <TextContent>
                <div className="runbook">
                  {parseBlocks(text).map((block, index) => (
                    <BlockView key={index} block={block} />
                  ))}
                </div>
              </TextContent>
            );
          }}
        </Queried>
      </Container>
    </Page>
  );
}

function BlockView({ block }: { block: Block }): ReactNode {
  switch (block.kind) {
    case "paragraph":
      return (
        <p>
          <Spans spans={block.spans} />
        </p>
      );
    case "list":
      return (
        <ul>
          {block.items.map((spans, index) => (
            <li key={index}>
              <Spans spans={spans} />
            </li>
          ))}
        </ul>
      );
    case "code":
      return (
        <div className="runbook-commands" role="group" aria-label="Commands" tabIndex={0}>
          <pre>{block.text}</pre>
        </div>
      );
    case "table": {
      const [head = [], ...rows] = block.rows;
      return (
        <table>
          <thead>
            <tr>
              {head.map((spans, index) => (
                <th key={index} scope="col" align="left">
                  <Spans spans={spans} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {row.map((spans, cell) => (
                  <td key={cell}>
                    <Spans spans={spans} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      );
    }
  }
}
