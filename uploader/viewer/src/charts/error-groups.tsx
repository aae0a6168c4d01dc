import { useMemo, useState } from "preact/hooks";
import { useReport } from "../parts/context";
import { Status } from "../parts/status";
import { runAddress } from "../route";
import { filter, listOf } from "../search/query";
import { count, dollars, minute, took } from "../text/numbers";
import { MEANINGS, STATUSES } from "../text/status";
import { oneLine } from "../text/visible";
import { errorGroups, type ErrorGroup } from "./scale";
import { Spark } from "./spark";

const SHOWN = 8;

/** A group's newest run of which a call failed: what was asked, which call it was, and what the run cost. */
function Newest({ group, alone }: { group: ErrorGroup; alone: boolean }) {
  const { columns: c, tests } = useReport();
  const run = group.runs.find((one) => c.failed_call[one]) ?? group.runs[0]!;
  const test = tests[c.test[run]!];
  return (
    <a class="newest" href={runAddress(c.id[run]!)}>
      <span class="cut">
        <span class="dim">{alone ? "run" : "newest"}</span> {oneLine(c.prompt[run]!) || "no prompt"}
        {test !== undefined && !c.test_record[run] && <span class="dim"> · {oneLine(test)}</span>}
      </span>
      {c.failed_call[run] && (
        <span class="cut">
          <span class="dim">failed at</span> <code class="bad">{oneLine(c.failed_call[run]!)}</code>
        </span>
      )}
      <span class="dim together">
        {took(c, run)} · {dollars(c.cost[run]!)}
      </span>
    </a>
  );
}

function Group({ group }: { group: ErrorGroup }) {
  const { columns: c, errors } = useReport();
  const [newest, oldest] = [group.runs[0]!, group.runs.at(-1)!];
  const alone = group.runs.length === 1;
  const message = alone ? (errors[c.error[newest]!] ?? "") : group.mask;
  const query = `status:${STATUSES[group.status]}${group.mask && ` ${filter("error", group.mask)}`}`;
  return (
    <tr>
      <td class="right">
        <b>{count(group.runs.length)}</b>
      </td>
      <td class="message-cell">
        <a class="cut" href={listOf(query)}>
          <Status status={group.status} /> <code>{oneLine(message) || (group.status === 3 ? MEANINGS[3] : "no message")}</code>
        </a>
        <Newest group={group} alone={alone} />
      </td>
      <td class="wide-only">
        <Spark runs={group.runs} />
      </td>
      <td class="wide-only time">{minute(c.start[newest]!)}</td>
      <td class="wide-only time">{alone ? "" : minute(c.start[oldest]!)}</td>
    </tr>
  );
}

/** What failed, grouped by message. */
export function ErrorGroups() {
  const report = useReport();
  const groups = useMemo(() => errorGroups(report), [report]);
  const [all, showAll] = useState(false);
  if (groups.length === 0) return null;
  return (
    <section class="card errors">
      <header>
        <h2>What failed</h2>
        <a href={listOf("-status:success -status:missing -status:unknown")}>all {count(groups.reduce((sum, group) => sum + group.runs.length, 0))}</a>
      </header>
      <table>
        <thead>
          <tr>
            <th class="right">runs</th>
            <th>message</th>
            <th class="wide-only">when</th>
            <th class="wide-only">last</th>
            <th class="wide-only">first</th>
          </tr>
        </thead>
        <tbody>
          {groups.slice(0, all ? undefined : SHOWN).map((group) => (
            <Group key={`${group.status} ${group.mask}`} group={group} />
          ))}
        </tbody>
      </table>
      {!all && groups.length > SHOWN && (
        <button type="button" class="link" onClick={() => showAll(true)}>
          {count(groups.length - SHOWN)} more
        </button>
      )}
    </section>
  );
}
