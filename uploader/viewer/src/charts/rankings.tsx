import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { RunNumber } from "../data/report";
import { Bar } from "../parts/bar";
import { useReport } from "../parts/context";
import { Status } from "../parts/status";
import { runAddress } from "../route";
import { filter, listOf, measure } from "../search/query";
import { count, dollars, duration, short } from "../text/numbers";
import { oneLine } from "../text/visible";

const ROWS = 8;
const RUNS = 6;

function Ranking({ title, head, children }: { title: string; head: [string, string][]; children: ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      <table>
        <thead>
          <tr>
            {head.map(([name, kind]) => (
              <th class={kind}>{name}</th>
            ))}
            <th class="bar-cell wide-only">
              <span class="unseen">share</span>
            </th>
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

const R = "right";
const W = "right wide-only";

/** Models by cost, or by calls where no cost is known. */
export function Models() {
  const { model_totals, models } = useReport();
  if (model_totals.length === 0) return null;
  const rows = [...model_totals].sort((a, b) => b.cost - a.cost || b.calls - a.calls).slice(0, ROWS);
  const most = Math.max(1, ...rows.map((row) => row.cost));
  return (
    <Ranking title="Models" head={[["model", ""], ["calls", R], ["failed", R], ["in", W], ["cached", W], ["out", W], ["p95", W], ["cost", R]]}>
      {rows.map((row) => (
        <tr>
          <td class="name-cell">
            {row.model < 0 ? "no name" : <a href={listOf(filter("model", models[row.model]!))}>{oneLine(models[row.model]!)}</a>}
          </td>
          <td class={R}>{count(row.calls)}</td>
          <td class={row.failed ? `${R} bad` : R}>{row.failed ? count(row.failed) : "—"}</td>
          <td class={W}>{short(row.tokens_in)}</td>
          <td class={W}>{short(row.tokens_cached)}</td>
          <td class={W}>{short(row.tokens_out)}</td>
          <td class={W}>{duration(row.p95)}</td>
          <td class={R}>{dollars(row.cost)}</td>
          <td class="bar-cell wide-only">
            <Bar part={row.cost / most} />
          </td>
        </tr>
      ))}
    </Ranking>
  );
}

/** Tools by calls. */
export function Tools() {
  const { tool_totals, tools } = useReport();
  if (tool_totals.length === 0) return null;
  const rows = [...tool_totals].sort((a, b) => b.calls - a.calls).slice(0, ROWS);
  const most = rows[0]!.calls;
  return (
    <Ranking title="Tools" head={[["tool", ""], ["calls", R], ["failed", R], ["p50", W], ["p95", R]]}>
      {rows.map((row) => (
        <tr>
          <td class="name-cell">
            <a href={listOf(filter("tool", tools[row.tool]!))}>{oneLine(tools[row.tool]!) || "no name"}</a>
          </td>
          <td class={R}>{count(row.calls)}</td>
          <td class={row.failed ? `${R} bad` : R}>{row.failed ? count(row.failed) : "—"}</td>
          <td class={W}>{duration(row.p50)}</td>
          <td class={R}>{duration(row.p95)}</td>
          <td class="bar-cell wide-only">
            <Bar part={row.calls / most} />
          </td>
        </tr>
      ))}
    </Ranking>
  );
}

interface TopProps {
  title: string;
  by: string;
  write: (value: number) => string;
}

/** The runs with the largest number. */
function Top({ title, by, write }: TopProps) {
  const report = useReport();
  const { columns: c, newest } = report;
  const value = measure(report, by);
  const runs = useMemo((): RunNumber[] => [...newest].sort((a, b) => value(b) - value(a)).slice(0, RUNS), [report]);
  const most = value(runs[0]!);
  if (!most) return null;
  return (
    <section class="card">
      <header>
        <h2>{title}</h2>
        <a href={`#/runs?sort=-${by}`}>all</a>
      </header>
      <table>
        <tbody>
          {runs.map((run) => (
            <tr>
              <td class="sign-cell">
                <Status status={c.status[run]!} />
              </td>
              <td class="message-cell">
                <a class="cut" dir="auto" href={runAddress(c.id[run]!)}>
                  {oneLine(c.prompt[run]!) || "no prompt"}
                </a>
              </td>
              <td class={R}>{write(value(run))}</td>
              <td class="bar-cell">
                <Bar part={value(run) / most} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export const Slowest = () => <Top title="Slowest runs" by="duration" write={duration} />;
export const Dearest = () => <Top title="Most expensive runs" by="cost" write={dollars} />;
