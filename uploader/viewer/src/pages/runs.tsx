import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { FilterBar } from "../list/bar";
import { Row, ROW } from "../list/row";
import { useList } from "../list/use-list";
import { useReport } from "../parts/context";
import { useKeys } from "../parts/keys";
import { useRowsInSight } from "../parts/rows-in-sight";
import { go, remember, runAddress } from "../route";
import { quantile } from "../text/numbers";

const NEWEST = "-time";
const PAGE = 15; // rows
const HEAD = 30; // pixels

const COLUMNS: { by?: string; name: string; kind?: string }[] = [
  { by: "status", name: "Status", kind: "sign" },
  { by: "time", name: "Time (UTC)", kind: "wide-only" },
  { name: "Prompt" },
  { name: "Agent · model", kind: "wide-only" },
  { by: "calls", name: "Calls", kind: "right middle-only" },
  { by: "tokens", name: "Tokens", kind: "right middle-only" },
  { by: "cost", name: "Cost", kind: "right" },
  { by: "duration", name: "Duration", kind: "took" },
];

function Head({ sort, onSort }: { sort: string; onSort: (sort: string) => void }) {
  return (
    <div class="row head" role="row" aria-rowindex={1}>
      {COLUMNS.map(({ by, name, kind = "" }) => {
        if (!by) return <div role="columnheader" class={kind}>{name}</div>;
        const order = sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
        const sign = { ascending: " ↑", descending: " ↓", none: "" }[order];
        return (
          <div role="columnheader" class={kind} aria-sort={order}>
            <button type="button" title={name} onClick={() => onSort(order === "descending" ? by : `-${by}`)}>
              {kind === "sign" ? <span aria-hidden="true">●</span> : name}
              {kind === "sign" && <span class="unseen">{name}</span>}
              {sign}
            </button>
          </div>
        );
      })}
    </div>
  );
}

/** Which row of a list was opened, by the list's address: whoever comes back finds it. */
const opened = new Map<string, number>();

/** The list of runs, with search and filters. */
export function Runs({ options }: { options: URLSearchParams }) {
  const report = useReport();
  const { columns: c } = report;
  const [typed, setTyped] = useState(options.get("q") ?? "");
  const [sort, setSort] = useState(options.get("sort") ?? NEWEST);
  const [current, setCurrent] = useState(opened.get(location.hash) ?? 0);
  const box = useRef<HTMLDivElement>(null);
  const { query, runs, progress } = useList(report, typed, sort);
  const { first, last, show } = useRowsInSight(box, runs.length, ROW, HEAD);
  const longest = useMemo(() => quantile(Float64Array.from(runs, (run) => c.took[run]!).sort(), 0.98) || 1, [runs]);

  useEffect(() => show(current), []);
  const change = (text: string, by: string): void => {
    const asked = new URLSearchParams({ ...(text && { q: text }), ...(by !== NEWEST && { sort: by }) });
    remember(`#/runs${asked.size ? `?${asked}` : ""}`); // now: later, the reader may be on another page
    setTyped(text);
    setSort(by);
    setCurrent(0);
    box.current?.scrollTo(0, 0);
  };
  const type = (text: string): void => change(text, sort);

  const move = (rows: number) => () => {
    const to = Math.max(0, Math.min(runs.length - 1, current + rows));
    setCurrent(to);
    show(to);
  };
  const open = (): void => {
    const run = runs[current];
    if (run === undefined) return;
    opened.set(location.hash, current);
    go(runAddress(c.id[run]!));
  };
  useKeys({
    j: move(1),
    k: move(-1),
    ArrowDown: move(1),
    ArrowUp: move(-1),
    PageDown: move(PAGE),
    PageUp: move(-PAGE),
    Home: move(-Infinity),
    End: move(Infinity),
    Enter: open,
    u: () => history.back(),
  });

  return (
    <main id="main" class="list">
      <h1 class="unseen">Runs</h1>
      <FilterBar typed={typed} type={type} runs={runs} text={query.text} progress={progress} />
      <div class="table">
        <div class="rows" role="table" aria-label="Runs" aria-rowcount={runs.length + 1} ref={box} tabIndex={0}>
          <div role="rowgroup" class="sticky">
            <Head sort={sort} onSort={(by) => change(typed, by)} />
          </div>
          <div role="rowgroup" class="all-rows" style={{ height: `${runs.length * ROW}px` }}>
            {runs.slice(first, last).map((run, n) => (
              <Row
                key={run}
                run={run}
                place={first + n}
                current={first + n === current}
                hit={progress?.hits.get(run)}
                longest={longest}
                onOpen={() => opened.set(location.hash, first + n)}
              />
            ))}
          </div>
        </div>
      </div>
      {runs.length === 0 && (
        <p class="nothing over">
          No run matches. <button type="button" onClick={() => type("")}>Clear the filter</button>
        </p>
      )}
    </main>
  );
}
