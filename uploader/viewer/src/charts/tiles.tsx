import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { useReport } from "../parts/context";
import type { Report } from "../data/report";
import { listOf } from "../search/query";
import { count, counted, dollars, duration, quantile, short } from "../text/numbers";
import { none } from "./scale";

function sums({ columns: c, newest }: Report) {
  const all = { outcomes: none(), input: 0, cached: 0, output: 0, cost: 0, tools: 0, failedTools: 0, up: 0, down: 0, tests: 0 };
  for (const run of newest) {
    all.outcomes[c.status[run]!]!++;
    all.input += c.tokens_in[run]!;
    all.cached += c.tokens_cached[run]!;
    all.output += c.tokens_out[run]!;
    all.cost += c.cost[run]!;
    all.tests += c.test_record[run]!;
    all.tools += c.tool_calls[run]!;
    all.failedTools += c.failed_tools[run]!;
    if (c.feedback[run] === 1) all.up++;
    if (c.feedback[run] === 2) all.down++;
  }
  return { ...all, took: Float64Array.from(c.took).sort() };
}

interface TileProps {
  value: string;
  name: string;
  href?: string;
  bad?: boolean;
  children: ComponentChildren;
}

function Tile({ value, name, href, bad = false, children }: TileProps) {
  const inside = (
    <>
      <b>{value}</b>
      <span>{name}</span>
      <small>{children}</small>
    </>
  );
  const kind = bad ? "tile bad" : "tile";
  return href ? <a class={kind} href={href}>{inside}</a> : <div class={kind}>{inside}</div>;
}

/** The totals. */
export function Tiles() {
  const report = useReport();
  const all = useMemo(() => sums(report), [report]);
  const runs = report.newest.length;
  const [, partial = 0, failed = 0, unended = 0] = all.outcomes;
  const p95 = quantile(all.took, 0.95);
  return (
    <section class="tiles" aria-label="Totals">
      <Tile value={count(runs)} name={runs === 1 ? "run" : "runs"} href="#/runs">
        {all.tests > 0 ? `${count(all.tests)} of them are tests` : counted(report.sessions.length, "session")}
      </Tile>
      <Tile value={count(failed)} name="failed" href={listOf("status:error")} bad={failed > 0}>
        {((failed / runs) * 100).toFixed(1)} %{partial > 0 && ` · ${count(partial)} partial`}
        {unended > 0 && ` · ${count(unended)} unended`}
      </Tile>
      <Tile value={duration(quantile(all.took, 0.5))} name="median" href={listOf(`>${Math.max(0, p95 - 1)}ms`)}>
        p95 {duration(p95)}
      </Tile>
      <Tile value={short(all.input + all.cached + all.output).replace(/^0$/, "—")} name="tokens" href="#/runs?sort=-tokens">
        <span class="together">{short(all.input)} in ·</span> <span class="together">{short(all.cached)} cached ·</span>{" "}
        <span class="together">{short(all.output)} out</span>
      </Tile>
      <Tile value={dollars(all.cost)} name="cost" href="#/runs?sort=-cost">
        {all.cost > 0 && `${dollars(all.cost / runs)} a run`}
      </Tile>
      <Tile value={count(all.tools)} name="tool calls" href={listOf("failedtool:yes")}>
        {count(all.failedTools)} failed
      </Tile>
      <Tile value={all.up + all.down ? `${all.up} : ${all.down}` : "—"} name="feedback" href={listOf("feedback:any")}>
        thumbs up : down
      </Tile>
    </section>
  );
}
